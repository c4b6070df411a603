"""Adapters as the real PEFT makes and measures them, on the tests' base. Used by the tests of this folder."""
import branch
import nll
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def base():
    return AutoModelForCausalLM.from_pretrained(branch.BASE, dtype=torch.float32)


def make_adapter(folder, dtype=torch.float32, seed=1, **settings):
    """What PEFT saves of an adapter drawn at random, B too."""
    torch.manual_seed(seed)
    config = {"r": 8, "lora_alpha": 16, "target_modules": ALL, "task_type": "CAUSAL_LM", **settings}
    model = get_peft_model(base(), LoraConfig(**config))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            noise = torch.randn(parameter.shape) * (0.2 if "lora_B" in name else 0.3)
            parameter.data = noise.to(dtype)
    model.save_pretrained(folder)
    return folder


def load(folder):
    return PeftModel.from_pretrained(base(), folder).eval().float()


def loss(model, lines):
    """Mean NLL over the answers' tokens and the end of sequence, with the default prompt; how many tokens those are."""
    with torch.no_grad():
        return nll.nll(model, AutoTokenizer.from_pretrained(branch.BASE), lines)
