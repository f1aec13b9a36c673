# find_package(grps): the headers for plugins in C++, and grps_add_plugin.
#
#   find_package(grps REQUIRED)
#   grps_add_plugin(my_plugin src/my_plugin.cpp)
#
# Give CMake the folder of this SDK, which `grpst sdk` prints: -D CMAKE_PREFIX_PATH=FOLDER.

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
