# The messages and the stub, generated from proto/grps.proto with the C++ names that GRPS 1.1 had,
# so that programs for it compile. A process can have them only once, so the client uses the same.

find_package(Protobuf REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
find_path(GRPCPP_INCLUDE_DIR grpcpp/grpcpp.h REQUIRED)
# The generated code uses inline functions of gRPC that need its parts; not all builds have all.
set(grpc_libraries grpc++)
foreach(library grpc gpr absl_synchronization)
  find_library(GRPS_LIBRARY_${library} ${library})
  if(GRPS_LIBRARY_${library})
    list(APPEND grpc_libraries ${library})
  endif()
endforeach()

set(GRPS_PROTO "${CMAKE_CURRENT_SOURCE_DIR}/../../proto/grps.proto")
set(GRPS_APIS_DIR "${CMAKE_CURRENT_BINARY_DIR}/apis")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${GRPS_PROTO}")

# The bytes on the wire do not depend on these names, and an empty message is a message without
# fields.
file(READ "${GRPS_PROTO}" proto)
string(REPLACE "(EmptyGrpsMessage)" "(GrpsMessage)" proto "${proto}")
string(REPLACE "StatusEnum" "StatusFlag" proto "${proto}")
string(REPLACE "NdArray" "NDArrayData" proto "${proto}")
file(CONFIGURE OUTPUT "${GRPS_APIS_DIR}/proto/grps.proto" CONTENT "${proto}" @ONLY)

set(generated "${GRPS_APIS_DIR}/grps_apis/grps")
set(generated_files "${generated}.pb.cc" "${generated}.pb.h" "${generated}.grpc.pb.cc"
                    "${generated}.grpc.pb.h")
file(MAKE_DIRECTORY "${GRPS_APIS_DIR}/grps_apis")
add_custom_command(
  OUTPUT ${generated_files}
  COMMAND
    protobuf::protoc "--proto_path=${GRPS_APIS_DIR}/proto" "--cpp_out=${GRPS_APIS_DIR}/grps_apis"
    "--grpc_out=${GRPS_APIS_DIR}/grps_apis" "--plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN}" grps.proto
  DEPENDS "${GRPS_APIS_DIR}/proto/grps.proto"
  COMMENT "Generating the messages and the stub of GRPS"
  VERBATIM)

add_library(grps_apis STATIC ${generated_files})
add_library(grps::apis ALIAS grps_apis)
set_target_properties(grps_apis PROPERTIES EXPORT_NAME apis)
target_compile_features(grps_apis PUBLIC cxx_std_17)
target_include_directories(grps_apis SYSTEM PUBLIC "$<BUILD_INTERFACE:${GRPS_APIS_DIR}>"
                                                   "$<INSTALL_INTERFACE:include>")
target_link_libraries(grps_apis PUBLIC protobuf::libprotobuf ${grpc_libraries})
