# grps::tensorflow: the C interface of the Python package tensorflow, or of one in TENSORFLOW_ROOT.
grps_find_engine(grps_folder tensorflow TENSORFLOW_ROOT)
if(grps_folder)
  find_path(grps_tensorflow_include tensorflow/c/c_api.h
    PATHS "${grps_folder}/include" NO_DEFAULT_PATH)
  file(GLOB grps_libraries
    "${grps_folder}/libtensorflow_cc.so.2" "${grps_folder}/lib/libtensorflow.so.2")
  file(GLOB grps_framework
    "${grps_folder}/libtensorflow_framework.so.2" "${grps_folder}/lib/libtensorflow_framework.so.2")
  if(grps_tensorflow_include AND grps_libraries AND grps_framework)
    add_library(grps::tensorflow INTERFACE IMPORTED)
    set_target_properties(grps::tensorflow PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${grps_tensorflow_include}"
      INTERFACE_LINK_LIBRARIES "${grps_libraries};${grps_framework};grps::plugin")
    # The usual linker takes ten seconds for each link with so many symbols.
    find_program(GRPS_GOLD ld.gold)
    if(GRPS_GOLD)
      set_target_properties(grps::tensorflow PROPERTIES INTERFACE_LINK_OPTIONS -fuse-ld=gold)
    endif()
    set(grps_tensorflow_FOUND TRUE)
  else()
    set(grps_NOT_FOUND_MESSAGE "${grps_folder} has no tensorflow/c/c_api.h with its libraries")
  endif()
endif()
