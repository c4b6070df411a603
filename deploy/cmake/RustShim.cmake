# The one Rust crate: Hugging Face's tokenizers and safetensors and minijinja behind a C interface.
find_program(CARGO cargo REQUIRED)
set(STRATA_CRATE ${CMAKE_SOURCE_DIR}/common/huggingface)
set(STRATA_CRATE_LIB ${CMAKE_BINARY_DIR}/cargo/release/libstrata_huggingface.a)
file(GLOB STRATA_CRATE_SOURCES CONFIGURE_DEPENDS ${STRATA_CRATE}/src/*.rs ${STRATA_CRATE}/Cargo.*)
add_custom_command(OUTPUT ${STRATA_CRATE_LIB}
  COMMAND ${CARGO} build --release --locked --quiet --manifest-path ${STRATA_CRATE}/Cargo.toml --target-dir ${CMAKE_BINARY_DIR}/cargo
  DEPENDS ${STRATA_CRATE_SOURCES} COMMENT "Building the Hugging Face shim (Rust)" VERBATIM)
add_custom_target(strata_crate DEPENDS ${STRATA_CRATE_LIB})
add_library(huggingface_crate STATIC IMPORTED GLOBAL)
set_target_properties(huggingface_crate PROPERTIES IMPORTED_LOCATION ${STRATA_CRATE_LIB}
                      INTERFACE_LINK_LIBRARIES "Threads::Threads;dl;m")
add_dependencies(huggingface_crate strata_crate)
