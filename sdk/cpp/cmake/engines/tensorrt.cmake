# grps::tensorrt, for grps/tensorrt.hpp: NVIDIA's headers of TensorRT and CUDA. The libraries are
# opened when a model is loaded: the folders of those that are here are looked into then.
#
# TENSORRT_ROOT is a folder with the headers, such as a copy of NVIDIA's repository, CUDA_ROOT one
# with those of CUDA. Without them, the headers are those of Python packages or of the system.
function(grps_package_folders result)
  set(found)
  foreach(package IN LISTS ARGN)
    grps_find_engine(folder ${package} GRPS_NO_ROOT)
    list(APPEND found ${folder})
  endforeach()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

if(TENSORRT_ROOT)
  grps_find_engine(grps_tensorrt_folders tensorrt TENSORRT_ROOT)
  set(grps_only NO_DEFAULT_PATH)
else()
  grps_package_folders(grps_tensorrt_folders tensorrt tensorrt_libs)
  set(grps_only)
endif()
if(CUDA_ROOT)
  set(grps_cuda_folders "${CUDA_ROOT}")
else()
  grps_package_folders(grps_cuda_folders nvidia.cu13 nvidia.cuda_runtime)
  list(APPEND grps_cuda_folders /usr/local/cuda)
endif()
find_path(grps_tensorrt_include NvInferRuntime.h
  PATHS ${grps_tensorrt_folders} PATH_SUFFIXES include ${grps_only})
find_path(grps_cuda_include cuda_runtime_api.h PATHS ${grps_cuda_folders} PATH_SUFFIXES include)
if(grps_tensorrt_include AND grps_cuda_include)
  add_library(grps::tensorrt INTERFACE IMPORTED)
  set_target_properties(grps::tensorrt PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${grps_tensorrt_include};${grps_cuda_include}"
    INTERFACE_LINK_LIBRARIES "${CMAKE_DL_LIBS};grps::plugin")
  foreach(grps_folder IN LISTS grps_tensorrt_folders grps_cuda_folders)
    file(GLOB grps_libraries "${grps_folder}/libnvinfer.so.*" "${grps_folder}/lib/libnvinfer.so.*"
      "${grps_folder}/lib/libcudart.so.*" "${grps_folder}/lib64/libcudart.so.*")
    foreach(grps_library IN LISTS grps_libraries)
      get_filename_component(grps_place "${grps_library}" DIRECTORY)
      set_property(TARGET grps::tensorrt APPEND PROPERTY
        INTERFACE_LINK_OPTIONS "LINKER:-rpath,${grps_place}")
    endforeach()
  endforeach()
  set(grps_tensorrt_FOUND TRUE)
elseif(NOT grps_NOT_FOUND_MESSAGE AND NOT grps_tensorrt_include)
  set(grps_NOT_FOUND_MESSAGE "NvInferRuntime.h, a header of TensorRT, is not found. The Python \
package has none: install libnvinfer-headers-dev, or get https://github.com/NVIDIA/TensorRT at the \
version that runs and give its folder: -D TENSORRT_ROOT=FOLDER")
elseif(NOT grps_NOT_FOUND_MESSAGE)
  set(grps_NOT_FOUND_MESSAGE "cuda_runtime_api.h, a header of CUDA, is not found: pip install \
nvidia-cuda-runtime nvidia-cuda-crt, or give the folder of CUDA: -D CUDA_ROOT=FOLDER")
endif()
