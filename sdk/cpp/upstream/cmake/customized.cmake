# Makes the library of the project a plugin: adds the sources of the framework to it, and links what
# these and the engines of the project need. Runs behind the project's own CMakeLists.txt.
include_guard(GLOBAL)

set(GRPS_UPSTREAM_FOLDER "${CMAKE_CURRENT_LIST_DIR}/..")

function(grps_make_plugin)
  set(library grps-server-customized)
  if(NOT TARGET ${library})
    message(FATAL_ERROR "the project has no library ${library}; "
      "src/CMakeLists.txt must make it, as in upstream's template")
  endif()
  file(GLOB sources "${GRPS_UPSTREAM_FOLDER}/src/*.cc")
  list(FILTER sources EXCLUDE REGEX "_engine\\.cc$")
  find_library(GRPS_YAML_CPP yaml-cpp)
  if(NOT GRPS_YAML_CPP)
    message(FATAL_ERROR "yaml-cpp is missing; install it, on Debian: libyaml-cpp-dev")
  endif()
  set(libraries "${GRPS_YAML_CPP}")
  set(folders "")
  if(TORCH_ENABLE)
    list(APPEND sources "${GRPS_UPSTREAM_FOLDER}/src/torch_engine.cc")
    list(APPEND libraries ${TORCH_LIBRARIES})
    list(APPEND folders "${LIBTORCH_PATH}/lib")
  endif()
  if(TF_ENABLE)
    list(APPEND sources "${GRPS_UPSTREAM_FOLDER}/src/tf_engine.cc")
    list(APPEND libraries ${TF_LIBRARIES})
    # The libraries may be links into a package: they are looked for where they are.
    foreach(file IN LISTS TF_LIBRARIES)
      get_filename_component(place "${file}" REALPATH)
      get_filename_component(place "${place}" DIRECTORY)
      list(APPEND folders "${place}")
    endforeach()
  endif()
  if(TRT_ENABLE)
    list(APPEND sources "${GRPS_UPSTREAM_FOLDER}/src/trt_engine.cc")
    list(APPEND libraries ${TRT_LIBRARIES} ${CUDA_LIBRARIES})
    list(APPEND folders "${LIBTENSORRT_PATH}/lib")
  endif()
  # What the project uses of Boost without linking it, which upstream's server did.
  find_library(GRPS_BOOST_THREAD boost_thread)
  if(GRPS_BOOST_THREAD)
    list(APPEND libraries "-Wl,--push-state,--as-needed" boost_thread boost_system "-Wl,--pop-state")
  endif()
  # One translation unit: the headers are most of the work.
  add_library(grps-framework OBJECT ${sources})
  set_target_properties(grps-framework PROPERTIES
    UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0 POSITION_INDEPENDENT_CODE ON)
  set_property(TARGET grps-framework APPEND PROPERTY INCLUDE_DIRECTORIES
    "${GRPS_UPSTREAM_FOLDER}/src" "${GRPS_UPSTREAM_FOLDER}/../include"
    "${GRPS_UPSTREAM_FOLDER}/../include/grps_framework")
  set_property(TARGET ${library} APPEND PROPERTY SOURCES $<TARGET_OBJECTS:grps-framework>)
  set_property(TARGET ${library} APPEND PROPERTY LINK_LIBRARIES ${libraries})
  set_property(TARGET ${library} APPEND PROPERTY INSTALL_RPATH "$ORIGIN" ${folders})
endfunction()

cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL grps_make_plugin)
