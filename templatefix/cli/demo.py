"""`templatefix demo`."""

from __future__ import annotations

from templatefix.cli.exits import Exit
from templatefix.cli.options import color, width


def command() -> Exit:
    """Audit, patch and verify a small embedded template, and show what is trained before and after."""
    from templatefix import demo
    from templatefix.report import conversation, text
    from templatefix.report.verdict import write_verdict

    shown = demo.run()
    print("1. audit\n")
    print(text.write(shown.report, width=width(), color=color()))
    print(f"2. fix: {shown.outcome.status} ({shown.outcome.method})\n")
    print(shown.outcome.diff())
    print("3. verify\n")
    print(write_verdict(shown.outcome.template, shown.outcome.verdict))
    print("4. what is trained, by the mask of transformers: the text in ⟦ ⟧\n")
    for name, tokens in (("before", shown.before), ("after", shown.after)):
        trained = sum(token.trained for token in tokens)
        print(f"  {name}: {trained} of {len(tokens)} tokens")
        print(conversation.write([(token.text, token.trained) for token in tokens], color=color()))
    return Exit.FINE if shown.outcome.status == "patched" else Exit.FOUND
