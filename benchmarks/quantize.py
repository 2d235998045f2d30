"""Every quantizer beside a copy of the same floats, on one core.

The floats are normal, float32, of minilm's width: one batch of 2,048 tokens, which the caches hold, and 131,072
tokens, which they do not. A contender is called often enough to take some 30 ms and says what one call takes.
Quantizers that measure something are calibrated on the batch. GB/s are those of the floats, in both directions.

    python -m benchmarks.quantize [--repeats 5] [--publish]
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import torch

from benchmarks.measure import measure
from benchmarks.report import Report, arguments
from encore.featurestore.quantizers import calibrate, parse_quantizer

WIDTH = 384
REQUESTS = ("sign", "sign-centred", "int2", "int4", "uint8:per-tensor", "uint8:per-dimension", "float16")
SECONDS = 0.03
"""What the calls of one measurement take together."""


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[2048, 131072])
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = Report.begin("quantize", options)
    rows, measured = [], {}
    for tokens in options.tokens:
        values = torch.randn(tokens, WIDTH, generator=torch.Generator().manual_seed(0))
        taken = measure(contenders(values), options.repeats)
        measured[f"{tokens} tokens"] = taken
        gigabytes = values.nbytes / 1e9
        rows.append([tokens, "memcpy", taken.per_second("memcpy", gigabytes), "", "", ""])
        for request in REQUESTS:
            there, back = request, f"{request} back"
            rows.append(
                [
                    tokens,
                    request,
                    taken.per_second(there, gigabytes),
                    taken.ratio("memcpy", there),
                    taken.per_second(back, gigabytes),
                    taken.ratio("memcpy", back),
                ]
            )
    header = ["tokens", "quantizer", "quantize, GB/s", "of memcpy", "dequantize, GB/s", "of memcpy"]
    report.end(header, rows, measured)


def contenders(values: torch.Tensor) -> dict[str, Callable[[], float]]:
    """A copy, and of each quantizer both directions."""
    target = torch.empty_like(values)
    made: dict[str, Callable[[], float]] = {"memcpy": lambda: seconds_of(lambda: target.copy_(values))}
    for request in REQUESTS:
        quantizer = calibrate(parse_quantizer(request), lambda: [values[:2048]])
        packed = quantizer.quantize(values)
        made[request] = lambda q=quantizer: seconds_of(lambda: q.quantize(values))
        made[f"{request} back"] = lambda q=quantizer, p=packed: seconds_of(lambda: q.dequantize(p, WIDTH))
    return made


def seconds_of(call: Callable[[], object]) -> float:
    """Seconds of one call, by the mean of as many as take `SECONDS`."""
    started, calls = perf_counter(), 0
    while (spent := perf_counter() - started) < SECONDS or not calls:
        call()
        calls += 1
    return spent / calls


if __name__ == "__main__":
    main()
