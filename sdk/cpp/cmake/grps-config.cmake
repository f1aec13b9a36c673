# find_package(grps): the headers for plugins in C++, and grps_add_plugin.
#
#   find_package(grps REQUIRED COMPONENTS onnxruntime)
#   grps_add_plugin(my_plugin src/my_plugin.cpp)
#   target_link_libraries(my_plugin_objects PUBLIC grps::onnxruntime)
#
# Give CMake the folder of this SDK, which `grpst sdk` prints: -D CMAKE_PREFIX_PATH=FOLDER.
# Components are engines, each a target: grps::onnxruntime, grps::torch, grps::tensorflow,
# grps::openvino, grps::tensorrt. Their libraries are those of the installed Python packages, or in
# the folders that ONNXRUNTIME_ROOT, TORCH_ROOT, TENSORFLOW_ROOT, OPENVINO_ROOT and TENSORRT_ROOT
# name.

get_filename_component(GRPS_SDK_FOLDER "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)

if(NOT TARGET grps::plugin)
  add_library(grps::plugin INTERFACE IMPORTED)
  set_target_properties(grps::plugin PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${GRPS_SDK_FOLDER}/include"
    INTERFACE_COMPILE_FEATURES cxx_std_17)
endif()

# grps_add_plugin(NAME SOURCE...) makes two targets of the same sources, which are compiled once:
# NAME is the plugin, libNAME.so, and NAME_objects is what a unit test links.
function(grps_add_plugin name)
  add_library(${name}_objects OBJECT ${ARGN})
  target_link_libraries(${name}_objects PUBLIC grps::plugin)
  set_target_properties(${name}_objects PROPERTIES
    POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  add_library(${name} MODULE)
  target_link_libraries(${name} PRIVATE ${name}_objects)
endfunction()

# grps_find_engine(RESULT PACKAGE ROOT) sets RESULT to the folder that the variable ROOT names, or to
# that of an installed Python package. Without one, it sets grps_NOT_FOUND_MESSAGE.
function(grps_find_engine result package root)
  if(${root})
    set(found "${${root}}")
    if(NOT IS_DIRECTORY "${found}")
      set(grps_NOT_FOUND_MESSAGE "${root}: ${found} is no folder" PARENT_SCOPE)
      set(found "")
    endif()
  else()
    # The Python that runs grpst, or the one of the virtual environment.
    if(GRPS_PYTHON)
      set(python "${GRPS_PYTHON}")
    else()
      find_package(Python3 QUIET COMPONENTS Interpreter)
      set(python "${Python3_EXECUTABLE}")
    endif()
    string(CONCAT code
      "import importlib.util\n"
      "spec = importlib.util.find_spec('${package}')\n"
      "print(spec.submodule_search_locations[0] if spec else '')")
    execute_process(COMMAND "${python}" -c "${code}" OUTPUT_VARIABLE found
      OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(NOT found)
      set(grps_NOT_FOUND_MESSAGE "the Python package ${package} is not installed for ${python}; \
install it, or give the folder of the libraries: -D ${root}=FOLDER" PARENT_SCOPE)
    endif()
  endif()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

set(grps_FOUND TRUE)
foreach(grps_component IN LISTS grps_FIND_COMPONENTS)
  set(grps_${grps_component}_FOUND FALSE)
  set(grps_file "${CMAKE_CURRENT_LIST_DIR}/engines/${grps_component}.cmake")
  if(TARGET grps::${grps_component})
    set(grps_${grps_component}_FOUND TRUE)
  elseif(EXISTS "${grps_file}")
    include("${grps_file}")
  else()
    set(grps_NOT_FOUND_MESSAGE "there is no component ${grps_component}")
  endif()
  if(grps_FIND_REQUIRED_${grps_component} AND NOT grps_${grps_component}_FOUND)
    set(grps_FOUND FALSE)
    break()
  endif()
endforeach()
