# Settings for the build of a project that is written for upstream's C++ edition of GRPS. The
# project's own CMakeLists.txt is used as it is; customized.cmake adds what it lacks.
list(PREPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}/modules")
# CMake's own trials of the compiler are projects as well.
get_property(is_trial GLOBAL PROPERTY IN_TRY_COMPILE)
if(NOT is_trial)
  set(CMAKE_PROJECT_INCLUDE "${CMAKE_CURRENT_LIST_DIR}/customized.cmake")
endif()
# Objects of the framework belong to one library each: a process may load several projects.
string(APPEND CMAKE_CXX_FLAGS_INIT " -fno-gnu-unique")
