"""The loss of a transformers model over the lines of a dataset, computed without strata's code."""
import json

import torch


def nll(model, tokenizer, lines):
    """(nats a supervised token, supervised tokens): the answer's tokens and the end of sequence."""
    total, count = 0.0, 0
    for line in lines:
        example = json.loads(line)
        prompt = f"### Instrucción:\n{example['instruction']}\n\n### Respuesta:\n"
        encoded = tokenizer(prompt + example["output"], return_offsets_mapping=True)
        ids = encoded.input_ids + [tokenizer.eos_token_id]
        begin = next(i for i, (at, _) in enumerate(encoded.offset_mapping) if at >= len(prompt))
        logits = model(torch.tensor([ids])).logits[0].double()
        logp = torch.log_softmax(logits[:-1], -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
        total -= logp[begin - 1:].sum().item()
        count += len(ids) - begin
    return total / count, count
