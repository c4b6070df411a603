# libtorch 2.11 and NCCL as imported targets: torch (headers, torch_cpu, c10 and, with STRATA_CUDA, the CUDA half)
# and nccl. find_package(Torch) is not used: it wants a whole CUDA toolkit where headers and two libraries do.
if(NOT STRATA_TORCH_DIR)
  file(GLOB STRATA_WHEELS ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages)
  set(STRATA_TORCH_DIR ${STRATA_WHEELS}/torch)
endif()
if(NOT EXISTS ${STRATA_TORCH_DIR}/include/ATen/ATen.h)
  message(FATAL_ERROR "no libtorch at '${STRATA_TORCH_DIR}': run deploy/setup.sh, or name one with -DSTRATA_TORCH_DIR=DIR")
endif()
get_filename_component(STRATA_SITE ${STRATA_TORCH_DIR} DIRECTORY)
set(STRATA_RPATH ${STRATA_TORCH_DIR}/lib)

function(strata_imported name)
  add_library(${name} SHARED IMPORTED)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${STRATA_TORCH_DIR}/lib/lib${name}.so)
endfunction()
strata_imported(c10)
strata_imported(torch_cpu)

add_library(torch INTERFACE)
target_include_directories(torch SYSTEM INTERFACE ${STRATA_TORCH_DIR}/include
                           ${STRATA_TORCH_DIR}/include/torch/csrc/api/include)
target_link_libraries(torch INTERFACE torch_cpu c10)

if(STRATA_CUDA)
  strata_imported(c10_cuda)
  strata_imported(torch_cuda)
  set(STRATA_CUDA_INCLUDE ${STRATA_SITE}/nvidia/cu13/include CACHE PATH "The CUDA toolkit's headers")
  set(STRATA_NCCL_DIR ${STRATA_SITE}/nvidia/nccl CACHE PATH "NCCL: the folder with include/ and lib/")
  if(NOT EXISTS ${STRATA_CUDA_INCLUDE}/cuda_runtime_api.h OR NOT EXISTS ${STRATA_NCCL_DIR}/include/nccl.h)
    message(FATAL_ERROR "no CUDA or NCCL headers beside libtorch: run deploy/setup.sh, set STRATA_CUDA_INCLUDE and "
                        "STRATA_NCCL_DIR, or build without CUDA by -DSTRATA_CUDA=OFF")
  endif()
  target_include_directories(torch SYSTEM INTERFACE ${STRATA_CUDA_INCLUDE})
  set(STRATA_CUDART ${STRATA_SITE}/nvidia/cu13/lib/libcudart.so.13 CACHE FILEPATH "The CUDA runtime's library")
  add_library(cudart SHARED IMPORTED)
  set_target_properties(cudart PROPERTIES IMPORTED_LOCATION ${STRATA_CUDART})
  target_link_libraries(torch INTERFACE cudart)
  # --no-as-needed: the CUDA half registers its kernels when it is loaded, and nothing refers to it by name.
  target_link_libraries(torch INTERFACE -Wl,--push-state,--no-as-needed torch_cuda c10_cuda -Wl,--pop-state)
  # Compiles the dropout kernel when it is first needed: no CUDA compiler is asked for at build time.
  set(STRATA_NVRTC ${STRATA_SITE}/nvidia/cu13/lib/libnvrtc.so.13 CACHE FILEPATH "The runtime compiler's library")
  add_library(nvrtc SHARED IMPORTED)
  set_target_properties(nvrtc PROPERTIES IMPORTED_LOCATION ${STRATA_NVRTC})
  add_library(nccl SHARED IMPORTED)
  set_target_properties(nccl PROPERTIES IMPORTED_LOCATION ${STRATA_NCCL_DIR}/lib/libnccl.so.2
                        INTERFACE_INCLUDE_DIRECTORIES ${STRATA_NCCL_DIR}/include)
  file(GLOB STRATA_NVIDIA_LIBS ${STRATA_SITE}/nvidia/*/lib)
  list(APPEND STRATA_RPATH ${STRATA_NCCL_DIR}/lib ${STRATA_NVIDIA_LIBS})
  foreach(dir ${STRATA_RPATH})
    target_link_options(torch INTERFACE -Wl,-rpath-link,${dir})
  endforeach()
endif()

# strata_torch_program(TARGET): the program finds libtorch and NCCL from anywhere, with no environment variable set.
# DT_RPATH, not DT_RUNPATH, so that the libraries' own dependencies are found by it too.
function(strata_torch_program target)
  set_target_properties(${target} PROPERTIES BUILD_RPATH "${STRATA_RPATH}")
  target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
endfunction()
