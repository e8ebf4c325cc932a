"""How long a preflight takes beside the preparation it looks at: `python -m tests.benchmarks.preflight`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.training.conftest import ensured, model_for, rows


def main() -> None:
    """Print the ratio for some number of rows, measured in one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--model", default="qwen-2.5")
    arguments = parser.parse_args()

    import datasets
    from trl import SFTConfig, SFTTrainer

    from templatefix.training import preflight

    datasets.disable_progress_bars()
    datasets.disable_caching()
    tokenizer = ensured(arguments.model)
    talks = datasets.Dataset.from_list(rows(arguments.rows))
    model = model_for(tokenizer)
    with TemporaryDirectory() as out:
        settings = SFTConfig(
            str(Path(out)), assistant_only_loss=True, report_to="none", use_cpu=True, bf16=False
        )
        start = time.perf_counter()
        trainer = SFTTrainer(model=model, args=settings, train_dataset=talks, processing_class=tokenizer)
        prepared = time.perf_counter()
        result = preflight(trainer, quiet=True)
        looked = time.perf_counter()
    print(result)
    print(
        f"{arguments.rows} rows: preparation {prepared - start:.2f} s, preflight {looked - prepared:.2f} s: "
        f"{100 * (looked - prepared) / (prepared - start):.1f} %"
    )


if __name__ == "__main__":
    main()
