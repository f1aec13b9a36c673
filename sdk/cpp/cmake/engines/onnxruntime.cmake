# grps::onnxruntime, for grps/onnxruntime.hpp: the library of the Python package onnxruntime, or one
# in ONNXRUNTIME_ROOT.
grps_find_engine(grps_folder onnxruntime ONNXRUNTIME_ROOT)
if(grps_folder)
  file(GLOB grps_libraries
    "${grps_folder}/capi/libonnxruntime.so.*" "${grps_folder}/lib/libonnxruntime.so.*"
    "${grps_folder}/libonnxruntime.so.*")
  if(grps_libraries)
    list(GET grps_libraries 0 grps_library)
    # The package has no file of the name that the loader looks for.
    set(grps_link "${CMAKE_BINARY_DIR}/engines/libonnxruntime.so.1")
    file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/engines")
    file(CREATE_LINK "${grps_library}" "${grps_link}" SYMBOLIC)
    add_library(grps::onnxruntime SHARED IMPORTED)
    set_target_properties(grps::onnxruntime PROPERTIES
      IMPORTED_LOCATION "${grps_link}"
      IMPORTED_SONAME libonnxruntime.so.1
      INTERFACE_LINK_LIBRARIES grps::plugin)
    set(grps_onnxruntime_FOUND TRUE)
  else()
    set(grps_NOT_FOUND_MESSAGE "${grps_folder} has no libonnxruntime.so")
  endif()
endif()
