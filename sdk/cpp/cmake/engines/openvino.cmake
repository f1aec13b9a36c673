# grps::openvino: OpenVINO's C++ runtime of the Python package openvino, or of one in OPENVINO_ROOT.
grps_find_engine(grps_folder openvino OPENVINO_ROOT)
if(grps_folder)
  find_package(OpenVINO QUIET CONFIG COMPONENTS Runtime
    PATHS "${grps_folder}/cmake" "${grps_folder}/runtime/cmake" NO_DEFAULT_PATH)
  if(OpenVINO_FOUND)
    add_library(grps::openvino INTERFACE IMPORTED)
    set_target_properties(grps::openvino PROPERTIES
      INTERFACE_LINK_LIBRARIES "openvino::runtime;grps::plugin")
    set(grps_openvino_FOUND TRUE)
  else()
    set(grps_NOT_FOUND_MESSAGE "${grps_folder} has no usable cmake/OpenVINOConfig.cmake")
  endif()
endif()
