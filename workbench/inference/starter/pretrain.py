"""Pretrain the starter model on generated toolsets and requests.

    python -m workbench.inference.starter.pretrain --tokens 20e6 --out FOLDER

With ``--processes N`` as many processes train on different rows and average their gradients (gloo); on a CPU that is
faster than one process with N threads. Each row is one declaration prefix with many requests under
shared-prefix attention. The loss is the completion's plus a share of the language-modelling loss on some of the other
tokens. Matrices are trained with Muon, the rest with AdamW; weights stay in fp32 and are multiplied in bf16 where the
processor can. Continue from weights with ``--resume FOLDER``; of several folders, branches of one stretch, it is the
mean that goes on (Wortsman et al. 2022, "Model soups"), so that machines that never speak can share the work. With
``--start 1`` nothing is trained: the weights are written as they are.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing
from torch.nn.functional import cross_entropy
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from workbench.inference.attention import use_shared_prefix
from workbench.inference.packed import Packed, packed_loss, target_logits
from workbench.inference.starter.assistants import load_assistants
from workbench.inference.starter.generator import Difficulty, rows
from workbench.inference.starter.guidance import GuidedPlan, Readouts
from workbench.inference.starter.packing import NAME_WEIGHT, pack, texts
from workbench.inference.starter.tokenizer import train_tokenizer
from workbench.inference.starter.wiring import wire_copying

CURRICULUM = (
    (0.03, Difficulty(1, 2, arguments=(0, 0, 1), requests=32, words=0.2, literal=0.5, invented=1.0)),
    (0.10, Difficulty(2, 4, arguments=(0, 0, 1), requests=40, words=0.2, literal=0.5, invented=1.0)),
    (0.30, Difficulty(3, 7, arguments=(0, 0, 1), requests=40, words=0.2, literal=0.4, invented=1.0)),
    (0.45, Difficulty(4, 10, arguments=(0, 0, 1, 1), requests=40, words=0.5, literal=0.3, invented=0.9)),
    (0.70, Difficulty(3, 12, requests=32, literal=0.15, invented=0.5, written=0.65)),
    (1.01, Difficulty(1, 16, requests=32, invented=0.25, written=0.75)),
)
"""Until which progress which difficulty: the format, choosing among few words, among many, many arguments.

Invented names first: from a name that says what its tool does, a model composes calls word by word and never learns to
choose.
"""
HELD_OUT, HELD_OUT_WRITTEN = Difficulty(5, 8), Difficulty(5, 8, invented=0.0, written=1.0)
HELD_OUT_ASSISTANTS = ("bank_account", "hotel_front_desk", "smart_home", "factory_machines", "recruiting")
"""Written assistants that are never trained on: what people say in walks of life that the model has not seen."""
RATES = (0.02, 2e-3, 1e-3)
"""Highest learning rates: matrices, embeddings and norms, read-outs."""
GUIDED, GUIDE_WEIGHT = 0.6, 0.3
"""The progress at which guidance has faded out, and the weight of each of its steps at the beginning."""
NORM_BOOST = 5.0
"""How much faster the weights of norms learn than embeddings."""


def make_config() -> Gemma3TextConfig:
    """The starter's shape: 3.8M parameters, tied embeddings, full attention in every layer."""
    return Gemma3TextConfig(
        vocab_size=4096,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        query_pre_attn_scalar=64,
        max_position_embeddings=8192,
        layer_types=["full_attention"] * 4,
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 1000000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1000000.0},
        },
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )


def make_optimizers(model: Gemma3ForCausalLM, readouts: Readouts) -> tuple[torch.optim.Optimizer, ...]:
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    embeddings: dict[str, Any] = {"params": [p for n, p in model.named_parameters() if "embed" in n]}
    # The gains of upper layers begin low; at the embeddings' rate they would hardly rise in a short pretraining.
    norms: dict[str, Any] = {
        "params": [p for p in model.parameters() if p.ndim != 2],
        "boost": NORM_BOOST,
        "weight_decay": 0.0,
    }
    return (
        torch.optim.Muon(matrices, lr=RATES[0], weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW([embeddings, norms], lr=RATES[1], betas=(0.9, 0.95), weight_decay=0.01),
        torch.optim.AdamW(readouts.maps.parameters(), lr=RATES[2], weight_decay=0.0),
    )


def schedule(progress: float) -> float:
    """Learning-rate factor: short warm-up, plateau, linear decay over the last third."""
    return min(1.0, progress / 0.02 + 0.05, max(0.02, (1 - progress) / 0.35))


def set_rates(optimizers: Sequence[torch.optim.Optimizer], factor: float) -> None:
    for optimizer, rate in zip(optimizers, RATES, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * factor * group.get("boost", 1.0)


@torch.no_grad()
def probe(model: Gemma3ForCausalLM, rows_held_out: Sequence[Packed]) -> dict[str, float]:
    """Held-out rows by teacher forcing: completion loss, and the shares of completion tokens and of choices that are
    right; a choice is the first token of a tool's name, or NO_TOOL."""
    loss, right, choices = 0.0, [], []
    for packed in rows_held_out:
        assert packed.weights is not None, "pack gives every row its weights"
        completion = packed.weights >= 1.0
        logits, labels = target_logits(model, packed).float()[completion], packed.labels[completion]
        loss += cross_entropy(logits, labels, reduction="sum").item()
        hits = logits.argmax(-1) == labels
        naming = packed.weights[completion] == NAME_WEIGHT
        naming[1:] &= ~naming[:-1].clone()
        right.append(hits)
        choices.append(hits[naming])
    tokens, chosen = torch.cat(right).float(), torch.cat(choices).float()
    return {
        "loss": loss / len(tokens),
        "token_accuracy": tokens.mean().item(),
        "choice_accuracy": chosen.mean().item(),
    }


def guidance(packed: Packed, readouts: Readouts) -> torch.Tensor:
    """The sum of what guided heads and read-outs should mend, after a forward pass."""
    assert isinstance(packed.plan, GuidedPlan) and packed.plan.guide, "guidance needs rows that pack guided"
    steps = [torch.stack(losses).mean() for losses in packed.plan.losses.values()]
    steps += readouts.losses(packed.ids[0], packed.plan.guide).values()
    return torch.stack(steps).sum()


class Progress:
    """How far a run is: by tokens or by time, whichever is further; the same in all processes."""

    def __init__(self, tokens: float, minutes: float, start: float) -> None:
        self.tokens, self.seconds, self.started = tokens, minutes * 60, time.monotonic()
        self.seen, self.start, self.fraction = 0, start, start

    def advance(self, tokens: int) -> None:
        """Count the tokens that this process saw in a step. All processes must call it together."""
        self.seen += int(_summed(torch.tensor(float(tokens))).item())
        elapsed = (time.monotonic() - self.started) / self.seconds if self.seconds else 0.0
        here = torch.tensor(max(self.seen / self.tokens, elapsed))
        self.fraction = self.start + (1 - self.start) * _summed(here).item() / _processes()

    def difficulty(self) -> Difficulty:
        return next(one for until, one in CURRICULUM if self.fraction < until or until > 1)


def _processes() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def _summed(tensor: torch.Tensor) -> torch.Tensor:
    if distributed.is_initialized():
        distributed.all_reduce(tensor)
    return tensor


def average_gradients(model: torch.nn.Module) -> None:
    """Each gradient becomes the mean over all processes."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if not gradients:
        return
    flat = _summed(torch.cat([gradient.flatten() for gradient in gradients])) / _processes()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def tokenizer_texts(seed: int, n_rows: int) -> Iterator[str]:
    for row in islice(rows(seed, lambda: Difficulty(3, 6)), n_rows):
        prefix, pairs = texts(row)
        yield prefix
        for prompt, reply in pairs:
            yield prompt + reply


def mean_model(folders: Sequence[Path]) -> Gemma3ForCausalLM:
    """The mean of the weights in the folders, in fp32."""
    first, *others = (Gemma3ForCausalLM.from_pretrained(folder, dtype=torch.float32) for folder in folders)
    parts = [dict(other.named_parameters()) for other in others]
    with torch.no_grad():
        for name, parameter in first.named_parameters():
            parameter.copy_(torch.stack([parameter, *(part[name] for part in parts)]).mean(0))
    return first


def save(model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Weights in bf16 (safetensors), tokenizer and template."""
    # A config of its own: the trained model must keep its shared-prefix attention.
    copy = Gemma3ForCausalLM(make_config())
    copy.load_state_dict(model.state_dict())
    torch.nn.Module.to(copy, dtype=torch.bfloat16)
    copy.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def start_process(rank: int, arguments: argparse.Namespace) -> None:
    """Body of one of several processes; they meet at a local port."""
    address = f"tcp://127.0.0.1:{arguments.port}"
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=arguments.processes)
    pretrain(arguments, rank)


def held_out_rows(tokenizer: PreTrainedTokenizerFast, rng: random.Random) -> dict[str, list[Packed]]:
    """Generated rows and rows of written assistants, both never trained on."""
    unseen = [assistant for assistant in load_assistants() if assistant.name in HELD_OUT_ASSISTANTS]
    drawn = {
        "held_out": rows(10**6, lambda: HELD_OUT),
        "held_out_written": rows(10**6, lambda: HELD_OUT_WRITTEN, unseen),
    }
    return {name: [pack(row, tokenizer, rng, guided=False) for row in islice(some, 8)] for name, some in drawn.items()}


def start_model(arguments: argparse.Namespace) -> tuple[Gemma3ForCausalLM, PreTrainedTokenizerFast]:
    """What pretraining goes on from, or a new model and tokenizer."""
    if arguments.resume:
        return mean_model(arguments.resume), PreTrainedTokenizerFast.from_pretrained(arguments.resume[0])
    model = Gemma3ForCausalLM(make_config())
    wire_copying(model)
    return model, train_tokenizer(tokenizer_texts(arguments.seed + 1, 1500))


def learn(model: Gemma3ForCausalLM, readouts: Readouts, packed: Packed, guide: float, parts: int, bf16: bool) -> float:
    """Add the gradients of one of a step's ``parts`` rows; returns its loss.

    Args:
        guide: weight of the guidance's loss; 0 where it has faded out.
    """
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss = packed_loss(model, packed)
    if guide:
        loss = loss + guide * guidance(packed, readouts)
    (loss / parts).backward()
    return loss.item()


def pretrain(arguments: argparse.Namespace, rank: int = 0) -> None:
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    model, tokenizer = start_model(arguments)
    use_shared_prefix(model)
    readouts = Readouts(model)
    optimizers = make_optimizers(model, readouts)
    progress = Progress(arguments.tokens, arguments.minutes, arguments.start)
    rng = random.Random(arguments.seed + rank)
    held_out = held_out_rows(tokenizer, rng)
    seen = [assistant for assistant in load_assistants() if assistant.name not in HELD_OUT_ASSISTANTS]
    stream = rows(arguments.seed + 2 + 1000 * rank, progress.difficulty, seen)
    log = (arguments.out / "pretraining.jsonl").open("a", encoding="utf-8")
    step = 0
    while progress.fraction < 1:
        set_rates(optimizers, schedule(progress.fraction) * arguments.rate)
        guide = GUIDE_WEIGHT * max(0.0, 1 - progress.fraction / GUIDED)
        total, tokens = 0.0, 0
        for row in islice(stream, arguments.rows):
            packed = pack(row, tokenizer, rng, guided=guide > 0)
            total += learn(model, readouts, packed, guide, arguments.rows, arguments.bf16) / arguments.rows
            tokens += packed.ids.shape[1]
        progress.advance(tokens)
        average_gradients(model)
        average_gradients(readouts)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        if step % arguments.log_every == 0 and rank == 0:
            entry: dict[str, float] = {"step": step, "tokens": progress.seen, "progress": round(progress.fraction, 4)}
            entry["loss"] = round(total, 4)
            with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
                for name, probed in held_out.items():
                    entry |= {f"{name}_{figure}": value for figure, value in probe(model, probed).items()}
            entry["seconds"] = round(time.monotonic() - progress.started, 1)
            log.write(json.dumps(entry) + "\n")
            log.flush()
        if step % arguments.save_every == 0 and rank == 0:
            save(model, tokenizer, arguments.out)
    if rank == 0:
        save(model, tokenizer, arguments.out)
    log.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Pretrain the starter model.")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, tokenizer and curve")
    parser.add_argument("--resume", type=Path, nargs="+", help="folders of weights and tokenizer to go on from")
    parser.add_argument("--tokens", type=float, default=20e6, help="length of the schedule in tokens")
    parser.add_argument("--start", type=float, default=0.0, help="part of the schedule that is done already, 0 to 1")
    parser.add_argument("--minutes", type=float, default=0, help="end after so many minutes at the latest")
    parser.add_argument("--rows", type=int, default=2, help="rows an optimizer step")
    parser.add_argument("--rate", type=float, default=1.0, help="factor on both learning rates")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--save-every", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--port", type=int, default=29511, help="local port where several processes meet")
    arguments = parser.parse_args()
    if arguments.processes > 1:
        multiprocessing.spawn(start_process, args=(arguments,), nprocs=arguments.processes)
    else:
        pretrain(arguments)


if __name__ == "__main__":
    main()
