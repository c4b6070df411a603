# libtorch 2.11, the CUDA runtime and NCCL as imported targets: torch (headers, torch_cpu, c10 and, with STRATA_CUDA, the
# CUDA half), cudart, nvrtc and nccl. find_package(Torch) is not used: it wants a whole CUDA toolkit where headers and
# two libraries do.
# Both programs take all of it or fail. The engine alone (STRATA_ENGINE_ONLY) takes what it finds: a libtorch for the CPU
# turns STRATA_CUDA off, and without NCCL there is no target nccl.
if(NOT STRATA_TORCH_DIR)
  file(GLOB STRATA_WHEELS ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages)
  set(STRATA_TORCH_DIR ${STRATA_WHEELS}/torch)
endif()
if(NOT EXISTS ${STRATA_TORCH_DIR}/include/ATen/ATen.h)
  message(FATAL_ERROR "no libtorch at '${STRATA_TORCH_DIR}': run deploy/setup.sh, or name one with -DSTRATA_TORCH_DIR=DIR")
endif()
get_filename_component(STRATA_SITE ${STRATA_TORCH_DIR} DIRECTORY)
set(STRATA_RPATH ${STRATA_TORCH_DIR}/lib)

function(strata_imported name location)
  add_library(${name} SHARED IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${location})
endfunction()
strata_imported(c10 ${STRATA_TORCH_DIR}/lib/libc10.so)
strata_imported(torch_cpu ${STRATA_TORCH_DIR}/lib/libtorch_cpu.so)

add_library(torch INTERFACE)
target_include_directories(torch SYSTEM INTERFACE ${STRATA_TORCH_DIR}/include
                           ${STRATA_TORCH_DIR}/include/torch/csrc/api/include)
target_link_libraries(torch INTERFACE torch_cpu c10)

if(STRATA_CUDA AND STRATA_ENGINE_ONLY AND NOT EXISTS ${STRATA_TORCH_DIR}/lib/libtorch_cuda.so)
  message(STATUS "this libtorch has no CUDA: the engine is built for the CPU alone")
  set(STRATA_CUDA OFF)
endif()
if(STRATA_CUDA)
  # Where a CUDA toolkit may lie: beside libtorch (the wheels of CUDA 13, then of 12), as nvcc says, or at its usual place.
  find_program(STRATA_NVCC nvcc PATHS /usr/local/cuda/bin)
  get_filename_component(nvcc "${STRATA_NVCC}" REALPATH)
  get_filename_component(nvcc_bin "${nvcc}" DIRECTORY)
  file(GLOB STRATA_TOOLKITS ${STRATA_SITE}/nvidia/cu13 ${STRATA_SITE}/nvidia/cuda_runtime ${STRATA_SITE}/nvidia/cuda_nvrtc
       ${STRATA_SITE}/nvidia/cuda_nvcc)
  if(STRATA_NVCC)
    list(APPEND STRATA_TOOLKITS ${nvcc_bin}/..)
  endif()
  list(APPEND STRATA_TOOLKITS $ENV{CUDA_HOME} /usr/local/cuda)
  set(places PATHS ${STRATA_TOOLKITS} NO_DEFAULT_PATH PATH_SUFFIXES)
  # Without crt/ the runtime's own header does not compile; a wheel of libtorch alone does not bring it.
  find_path(STRATA_CUDA_INCLUDE crt/host_defines.h ${places} include targets/x86_64-linux/include
            DOC "The CUDA toolkit's headers")
  # The wheels of CUDA 12 keep the headers of compiler, runtime and nvrtc in a folder each.
  find_path(STRATA_CUDART_INCLUDE cuda_runtime_api.h HINTS ${STRATA_CUDA_INCLUDE} ${places} include
            targets/x86_64-linux/include DOC "The folder of cuda_runtime_api.h")
  find_path(STRATA_NVRTC_INCLUDE nvrtc.h HINTS ${STRATA_CUDA_INCLUDE} ${places} include targets/x86_64-linux/include
            DOC "The folder of nvrtc.h")
  find_library(STRATA_CUDART NAMES cudart libcudart.so.13 libcudart.so.12 ${places} lib lib64 targets/x86_64-linux/lib
               DOC "The CUDA runtime's library")
  find_library(STRATA_NVRTC NAMES nvrtc libnvrtc.so.13 libnvrtc.so.12 ${places} lib lib64 targets/x86_64-linux/lib
               DOC "The CUDA runtime compiler's library")
  find_path(STRATA_NCCL_INCLUDE nccl.h HINTS ${STRATA_NCCL_DIR} ${STRATA_SITE}/nvidia/nccl PATH_SUFFIXES include)
  find_library(STRATA_NCCL NAMES nccl libnccl.so.2 HINTS ${STRATA_NCCL_DIR} ${STRATA_SITE}/nvidia/nccl PATH_SUFFIXES lib)
  if(NOT STRATA_CUDA_INCLUDE OR NOT STRATA_CUDART_INCLUDE OR NOT STRATA_NVRTC_INCLUDE OR NOT STRATA_CUDART OR
     NOT STRATA_NVRTC)
    message(FATAL_ERROR "this libtorch has CUDA, but there is no whole CUDA toolkit: headers ${STRATA_CUDA_INCLUDE}, "
                        "${STRATA_CUDART_INCLUDE} and ${STRATA_NVRTC_INCLUDE}, runtime ${STRATA_CUDART}, nvrtc "
                        "${STRATA_NVRTC}. Run deploy/setup.sh, or: pip install 'cuda-toolkit[crt,cccl]' of libtorch's "
                        "CUDA version beside it (of CUDA 12: nvidia-cuda-nvcc-cu12), or set STRATA_CUDA_INCLUDE, "
                        "STRATA_CUDART_INCLUDE, STRATA_NVRTC_INCLUDE, STRATA_CUDART and STRATA_NVRTC, or build without "
                        "CUDA by -DSTRATA_CUDA=OFF")
  endif()
  target_include_directories(torch SYSTEM INTERFACE ${STRATA_CUDA_INCLUDE} ${STRATA_CUDART_INCLUDE}
                             ${STRATA_NVRTC_INCLUDE})
  strata_imported(c10_cuda ${STRATA_TORCH_DIR}/lib/libc10_cuda.so)
  strata_imported(torch_cuda ${STRATA_TORCH_DIR}/lib/libtorch_cuda.so)
  strata_imported(cudart ${STRATA_CUDART})
  target_link_libraries(torch INTERFACE cudart)
  # --no-as-needed: the CUDA half registers its kernels when it is loaded, and nothing refers to it by name.
  target_link_libraries(torch INTERFACE -Wl,--push-state,--no-as-needed torch_cuda c10_cuda -Wl,--pop-state)
  # Compiles kernels of our own when they are first needed: no CUDA compiler is asked for at build time.
  strata_imported(nvrtc ${STRATA_NVRTC})
  if(STRATA_NCCL_INCLUDE AND STRATA_NCCL)
    strata_imported(nccl ${STRATA_NCCL})
    set_target_properties(nccl PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${STRATA_NCCL_INCLUDE})
    get_filename_component(nccl_lib ${STRATA_NCCL} DIRECTORY)
    list(APPEND STRATA_RPATH ${nccl_lib})
  elseif(STRATA_ENGINE_ONLY)
    message(STATUS "no NCCL found: the engine's check leaves it out; -DSTRATA_NCCL_DIR=DIR names one")
  else()
    message(FATAL_ERROR "no NCCL beside libtorch: run deploy/setup.sh, name one (include/ and lib/) with "
                        "-DSTRATA_NCCL_DIR=DIR, or build without CUDA by -DSTRATA_CUDA=OFF")
  endif()
  file(GLOB nvidia_libs ${STRATA_SITE}/nvidia/*/lib)
  get_filename_component(cudart_lib ${STRATA_CUDART} DIRECTORY)
  get_filename_component(nvrtc_lib ${STRATA_NVRTC} DIRECTORY)
  list(APPEND STRATA_RPATH ${nvidia_libs} ${cudart_lib} ${nvrtc_lib})
  list(REMOVE_DUPLICATES STRATA_RPATH)
  foreach(dir ${STRATA_RPATH})
    target_link_options(torch INTERFACE -Wl,-rpath-link,${dir})
  endforeach()
  if(STRATA_ENGINE_ONLY)
    # What libtorch itself needs, it finds for itself.
    target_link_options(torch INTERFACE -Wl,--allow-shlib-undefined)
  endif()
endif()

# strata_torch_program(TARGET): the program finds libtorch and NCCL from anywhere, with no environment variable set.
# DT_RPATH, not DT_RUNPATH, so that the libraries' own dependencies are found by it too.
function(strata_torch_program target)
  set_target_properties(${target} PROPERTIES BUILD_RPATH "${STRATA_RPATH}")
  target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
endfunction()
