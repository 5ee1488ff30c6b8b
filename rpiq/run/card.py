"""The model card, README.md of a written folder: every setting, the hash of the calibration, the versions.

Nothing in it depends on when or how fast the run was, so that the same run writes the same bytes.
"""

from __future__ import annotations

from dataclasses import asdict

from rpiq.config import WHOLE_ROW
from rpiq.run.result import Report

_METHODS = {
    "rtn": "round to nearest",
    "gptq": "GPTQ with activation order and static groups",
    "rpiq-paper": "RPIQ as printed in its paper (single instance, steps of α)",
    "rpiq": "RPIQ: GPTQ, then the closed loop on the grid over all calibration data",
}


def write_card(report: Report) -> str:
    """README.md of the folder that `report` is about."""
    config, scheme = report.config, report.config.scheme
    size = "one group for the whole row" if scheme.group_size == WHOLE_ROW else f"groups of {scheme.group_size}"
    kind = "symmetric" if scheme.symmetric else "asymmetric"
    changed = sum(one.changed_codes * one.out_features * one.in_features for one in report.linears)
    codes = sum(one.out_features * one.in_features for one in report.linears)
    guards = [guard for block in report.blocks for guard in block.guards]
    lines = [
        "---",
        "library_name: transformers",
        "tags: [rpiq, compressed-tensors, 4-bit]" if scheme.bits == 4 else "tags: [rpiq, compressed-tensors]",
        "---",
        "",
        f"# {report.source}, {scheme.bits} bits",
        "",
        f"Quantized with rpiq {report.versions['rpiq']}: {_METHODS[config.method]}. {scheme.bits} bits, {kind}, {size}.",
        f"{len(report.linears)} Linears{', the output head among them,' if config.head else ''} are quantized; "
        "kept as they were: "
        f"{', '.join(report.kept) or 'nothing else'}.",
        f"{report.source_bytes / 1e6:,.1f} MB became {report.output_bytes / 1e6:,.1f} MB.",
        "",
        "The licence of the original model holds for this one too.",
        "",
        "## Loading",
        "",
        "    from rpiq import load",
        '    model = load("THIS FOLDER")',
        "",
        "The format is compressed-tensors `pack-quantized`.",
        "",
        "## Calibration",
        "",
        f"{report.rows} rows of up to {report.row_tokens:,} tokens from {report.calibration}"
        + (f"; {report.held_out_rows} more rows were held out for the guard." if report.held_out_rows else "."),
        f"sha256 of the file: `{report.calibration_sha256}`; of the token ids: `{report.calibration_ids_sha256}`.",
    ]
    if guards:
        kept = sum(guard.kept for guard in guards)
        lines += [
            "",
            f"Stage 2 was kept for {kept} of {len(guards)} groups of Linears and changed {changed / codes:.2%} of the codes.",
        ]
    elif config.refines:
        lines += ["", f"Stage 2 changed {changed / codes:.4%} of the codes."]
    taught = report.distillation
    if taught is not None:
        end = "the scales learned from the full-precision model" if taught.kept else "no scale was changed"
        lines += ["", f"Stage 3: {end}, {taught.steps} steps."]
        if taught.held_out_before is not None and taught.held_out_after is not None:
            lines[-1] += (
                f" Divergence from its next token on held-out rows: {taught.held_out_before:.4f} before, "
                f"{taught.held_out_after:.4f} after, in nats."
            )
    if len(report.parts) > 1:
        lines += [
            "",
            "## Parts",
            "",
            "| part | bits | group | Linears | fewest rows | too few |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
    for part in report.parts if len(report.parts) > 1 else ():
        counts = f"{part.linears} | {part.least_rows:,} | {len(part.fallbacks)}"
        lines.append(f"| {part.part} | {part.scheme.bits} | {part.scheme.group_size} | {counts} |")
    settings = {key: value for key, value in asdict(config).items() if key != "scheme"}
    lines += ["", "## Settings", "", "| setting | value |", "| --- | --- |"]
    lines += [f"| {key} | {value} |" for key, value in {**asdict(scheme), **settings, "device": report.device}.items()]
    lines += ["", "## Versions", "", "| package | version |", "| --- | --- |"]
    lines += [f"| {name} | {found} |" for name, found in report.versions.items()]
    return "\n".join(lines) + "\n"
