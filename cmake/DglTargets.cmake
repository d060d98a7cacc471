include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# libtorch, as every library links it.
add_library(dgl_torch INTERFACE)
target_link_libraries(dgl_torch INTERFACE ${TORCH_LIBRARIES})
# The libtorch of PyTorch's wheels carries parts of std::filesystem, and crashes when others call them: the standard
# library has to come first.
target_link_options(dgl_torch INTERFACE LINKER:--push-state,--no-as-needed,-lstdc++,--pop-state)

# dgl_export_library(NAME): the alias dgl::NAME, and its installation.
function(dgl_export_library name)
  add_library(dgl::${name} ALIAS dgl_${name})
  set_target_properties(dgl_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS dgl_${name} EXPORT dglTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          COMPONENT development FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
endfunction()
dgl_export_library(torch)

# dgl_add_library(NAME [EXCLUDE REGEX] [DEPENDS target...]): the static library dgl_NAME of the sources in this folder and
# those below, but for those whose path matches the expression. All libraries share one precompiled header
# (src/dgl/base/pch.h), which keeps to the parts of libtorch that all need (src/dgl/base/torch.h). Even so each
# compilation costs 9 s for the templates in libtorch's inline functions: with DGL_UNITY a library's files are compiled
# eight at a time, so no two of them may give one name to different things.
function(dgl_add_library name)
  cmake_parse_arguments(ARG "" "EXCLUDE" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp *.S)
  if(ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${ARG_EXCLUDE}")
  endif()
  add_library(dgl_${name} STATIC ${sources})
  target_link_libraries(dgl_${name} PUBLIC ${ARG_DEPENDS})
  target_include_directories(dgl_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                                                $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
                                                $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(dgl_${name} PUBLIC cxx_std_20)
  # all_verify_interface_header_sets compiles each header by itself (preset plain).
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS *.h)
  list(FILTER headers EXCLUDE REGEX "/amx_tiles.h$")
  target_sources(dgl_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${headers})
  dgl_compile_settings(dgl_${name})
  if(DGL_UNITY)
    set_target_properties(dgl_${name} PROPERTIES UNITY_BUILD ON)
  endif()
  if(name STREQUAL "base")
    target_precompile_headers(dgl_base PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/src/dgl/base/pch.h>")
  else()
    target_precompile_headers(dgl_${name} REUSE_FROM dgl_base)
  endif()
  dgl_export_library(${name})
endfunction()

# dgl_compile_settings(TARGET [MARCH]): warnings and code generation, the same for all targets, since they share the
# precompiled header; but for the operations' kernels, which are compiled for an instruction set of their own.
function(dgl_compile_settings target)
  set(march ${DGL_MARCH})
  if(DGL_KERNEL_SETS)
    set(march x86-64-v2)
  endif()
  if(ARGC GREATER 1)
    set(march ${ARGV1})
  else()
    # A product and a sum are not fused: what is not in a kernel rounds in the same way for every instruction set.
    target_compile_options(${target} PRIVATE -ffp-contract=off)
  endif()
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wno-unused-parameter>)
  # g++ 12 and 13 see overflows in the string concatenation of their own library (GCC's bug 105651).
  target_compile_options(${target} PRIVATE
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,14>>:-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds>)
  # Loops vectorize without these two; no result depends on errno or on floating-point traps.
  target_compile_options(${target} PRIVATE -fno-math-errno -fno-trapping-math)
  if(march)
    target_compile_options(${target} PRIVATE -march=${march})
  endif()
  if(DGL_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# Installs the headers, and what find_package(dgl) needs.
function(dgl_install)
  install(FILES ${PROJECT_BINARY_DIR}/generated/dgl/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dgl
          COMPONENT development)
  set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/dgl)
  install(EXPORT dglTargets NAMESPACE dgl:: DESTINATION ${folder} COMPONENT development)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dglConfig.cmake.in ${PROJECT_BINARY_DIR}/dglConfig.cmake
                                INSTALL_DESTINATION ${folder})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/dglConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/dglConfig.cmake ${PROJECT_BINARY_DIR}/dglConfigVersion.cmake DESTINATION ${folder}
          COMPONENT development)
endfunction()
