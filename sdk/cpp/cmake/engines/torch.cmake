# grps::torch: libtorch of the Python package torch, or one in TORCH_ROOT.
grps_find_engine(grps_folder torch TORCH_ROOT)
if(grps_folder)
  find_package(Torch QUIET CONFIG PATHS "${grps_folder}/share/cmake/Torch" NO_DEFAULT_PATH)
  if(TORCH_LIBRARIES)
    add_library(grps::torch INTERFACE IMPORTED)
    separate_arguments(grps_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
    set_target_properties(grps::torch PROPERTIES
      INTERFACE_COMPILE_OPTIONS "${grps_flags}"
      INTERFACE_LINK_LIBRARIES "${TORCH_LIBRARIES};grps::plugin")
    set(grps_torch_FOUND TRUE)
  else()
    set(grps_NOT_FOUND_MESSAGE "${grps_folder} has no usable share/cmake/Torch of libtorch")
  endif()
endif()
