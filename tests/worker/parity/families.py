"""The families that strata trains, as tiny configurations of transformers and as ModelConfig has them.

Each has what sets it apart: grouped or full heads, a tied or an untied head, heads wider than
hidden / heads, windows that examples outgrow, rotary scalings that reach into the examples.
"""

from transformers import (Gemma2Config, Gemma3TextConfig, LlamaConfig, MistralConfig, Phi3Config,
                          Qwen2Config, Qwen3Config)

SIZES = dict(vocab_size=73, hidden_size=32, intermediate_size=44, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
             rms_norm_eps=1e-5, initializer_range=0.3, attn_implementation="eager",
             pad_token_id=0, bos_token_id=1, eos_token_id=2)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
LONG = {"rope_type": "longrope", "rope_theta": 1000.0, "short_factor": [1.0, 1.1, 1.3],
        "long_factor": [1.5, 2.0, 4.0], "original_max_position_embeddings": 16,
        "partial_rotary_factor": 0.75}
SLIDING_THEN_FULL = ["sliding_attention", "full_attention"]


def default_rope(theta):
    return {"rope_type": "default", "rope_theta": theta}


CONFIGS = {
    "llama": LlamaConfig(**SIZES, head_dim=12, rope_parameters=default_rope(5000.0),
                         tie_word_embeddings=False),
    "llama_tied": LlamaConfig(**SIZES, head_dim=12, rope_parameters=default_rope(5000.0),
                              tie_word_embeddings=True),
    "llama_biases": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True,
                                rope_parameters=default_rope(5000.0), tie_word_embeddings=False),
    "llama31": LlamaConfig(**SIZES, rope_parameters=LLAMA3, tie_word_embeddings=True),
    "mistral": MistralConfig(**SIZES, head_dim=10, sliding_window=7,
                             rope_parameters=default_rope(1e6), tie_word_embeddings=False),
    "qwen2": Qwen2Config(**SIZES, rope_parameters=default_rope(1e6), tie_word_embeddings=True),
    "qwen2_window": Qwen2Config(**SIZES, rope_parameters=default_rope(1e6), use_sliding_window=True,
                                sliding_window=6, max_window_layers=1, tie_word_embeddings=False),
    "qwen3": Qwen3Config(**SIZES, head_dim=14, rope_parameters=default_rope(1e6),
                         tie_word_embeddings=True),
    "phi3": Phi3Config(**{**SIZES, "num_key_value_heads": 4}, rope_parameters=default_rope(1e4),
                       sliding_window=9, tie_word_embeddings=False),
    "phi3_long": Phi3Config(**SIZES, rope_parameters=LONG, original_max_position_embeddings=16,
                            tie_word_embeddings=True),
    "gemma2": Gemma2Config(**SIZES, head_dim=12, query_pre_attn_scalar=20, sliding_window=8,
                           attn_logit_softcapping=5.0, final_logit_softcapping=7.0,
                           layer_types=SLIDING_THEN_FULL, rope_parameters=default_rope(1e4)),
    "gemma3": Gemma3TextConfig(**SIZES, head_dim=12, query_pre_attn_scalar=20, sliding_window=8,
                               layer_types=SLIDING_THEN_FULL,
                               rope_parameters={"sliding_attention": default_rope(1e4),
                                                "full_attention": {"rope_type": "linear",
                                                                   "rope_theta": 1e6,
                                                                   "factor": 2.0}}),
}

ARCHITECTURES = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM",
                 "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
                 "phi3": "Phi3ForCausalLM", "gemma2": "Gemma2ForCausalLM",
                 "gemma3_text": "Gemma3ForCausalLM"}


def windows_of(config):
    """Per layer the tokens a token attends to, as the family's modeling code masks them."""
    window = getattr(config, "sliding_window", None)
    if not window:
        return []
    types = getattr(config, "layer_types", None) or ["sliding_attention"] * config.num_hidden_layers
    return [window if kind == "sliding_attention" else 0 for kind in types]


def rope_values(prefix, parameters, head_dim, config):
    """The lines of an index that say a RopeConfig."""
    kinds = ["default", "linear", "llama3", "longrope"]
    longrope = parameters["rope_type"] == "longrope"
    original = parameters.get("original_max_position_embeddings",
                              getattr(config, "original_max_position_embeddings",
                                      config.max_position_embeddings))
    values = {"theta": parameters["rope_theta"],
              "channels": int(head_dim * parameters.get("partial_rotary_factor", 1.0)),
              "scaling": kinds.index(parameters["rope_type"]),
              "factor": parameters.get("factor", 1.0),
              "low_freq_factor": parameters.get("low_freq_factor", 1.0),
              "high_freq_factor": parameters.get("high_freq_factor", 4.0),
              "original_positions": original,
              "attention_factor": attention_factor(config, original) if longrope else 1.0}
    lists = {name: parameters.get(name, []) for name in ["short_factor", "long_factor"]}
    return ({prefix + key: value for key, value in values.items()},
            {prefix + key: value for key, value in lists.items()})


def attention_factor(config, original):
    """From the model's own code: LongRoPE's factor follows from sizes."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
    return ROPE_INIT_FUNCTIONS["longrope"](config, "cpu", seq_len=original)[1]


def model_config(config):
    """(numbers, lists) of strata's ModelConfig, worked out from the family's modeling code."""
    kind, gemma = config.model_type, config.model_type.startswith("gemma")
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    numbers = {key: getattr(config, key) for key in
               ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                "num_attention_heads", "num_key_value_heads", "max_position_embeddings",
                "rms_norm_eps"]}
    bias = bool(getattr(config, "attention_bias", False))
    numbers |= {"head_dim": head_dim, "tie_word_embeddings": int(config.tie_word_embeddings),
                "activation": int(gemma), "fused_projections": int(kind == "phi3"),
                "attention_scale": (config.query_pre_attn_scalar if gemma else head_dim) ** -0.5,
                "attention_softcap": getattr(config, "attn_logit_softcapping", None) or 0,
                "final_softcap": getattr(config, "final_logit_softcapping", None) or 0,
                "embedding_scale": config.hidden_size ** 0.5 if gemma else 1,
                "qkv_bias": int(bias or kind == "qwen2"), "output_bias": int(bias),
                "mlp_bias": int(getattr(config, "mlp_bias", False)),
                "query_key_norm": int(kind in ("qwen3", "gemma3_text")),
                "norm_plus_one": int(gemma), "output_norms": int(gemma)}
    lists = {"windows": windows_of(config)}
    ropes = config.rope_parameters
    for prefix, layer_type in [("rope.", "full_attention"), ("local_rope.", "sliding_attention")]:
        values, factors = rope_values(prefix, ropes.get(layer_type, ropes), head_dim, config)
        numbers, lists = numbers | values, lists | factors
    return numbers, lists
