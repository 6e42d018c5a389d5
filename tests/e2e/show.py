"""What the demo shows: steps with a progress bar where somebody watches, and a table at the end."""

import os
import shutil
import sys
import time

GREEN, RED, BOLD, DIM, PLAIN = "\033[32m", "\033[31m", "\033[1m", "\033[2m", "\033[0m"


class Show:
    def __init__(self, out=sys.stdout):
        self.out = out
        self.live = out.isatty()
        self.colour = self.live and "NO_COLOR" not in os.environ
        self._bar_time = 0.0
        self._line = False

    def paint(self, text, *codes):
        return "".join(codes) + text + PLAIN if self.colour else text

    def say(self, text=""):
        self._clear()
        print(text, file=self.out, flush=True)

    def heading(self, text):
        self.say()
        self.say(self.paint(text, BOLD))

    def _clear(self):
        if self._line:
            self.out.write("\r\033[K")
            self._line = False

    def bar(self, label):
        """A function (done, total) that draws the progress of one step."""
        def draw(done, total):
            if not self.live or time.monotonic() - self._bar_time < 0.1:
                return
            self._bar_time = time.monotonic()
            width = min(30, max(10, shutil.get_terminal_size().columns - 50))
            part = min(1.0, done / total) if total else 0
            fill = round(width * part)
            self.out.write(f"\r\033[K    {label:<26} {'█' * fill}{'░' * (width - fill)} "
                           f"{part:4.0%}")
            self.out.flush()
            self._line = True
        return draw

    def begin(self, label):
        if self.live:
            self._clear()
            self.out.write(f"    {label:<26} …")
            self.out.flush()
            self._line = True

    def done(self, label, text, good=True):
        self._clear()
        mark = self.paint("✓", GREEN) if good else self.paint("✗", RED)
        self.say(f"  {mark} {label:<26} {text}")

    def table(self, head, rows):
        """rows: (label, [(text, good or None), ...])."""
        columns = [[head[0]] + [r[0] for r in rows]]
        for i in range(len(head) - 1):
            columns.append([head[i + 1]] + [r[1][i][0] for r in rows])
        widths = [max(map(len, c)) for c in columns]

        def rule(left, middle, right):
            return left + middle.join("─" * (w + 2) for w in widths) + right

        def line(cells, painted):
            return "│" + "│".join(f" {p}{' ' * (w - len(c))} "
                                  for c, p, w in zip(cells, painted, widths)) + "│"

        self.say()
        self.say(rule("┌", "┬", "┐"))
        self.say(line(head, [self.paint(h, BOLD) for h in head]))
        self.say(rule("├", "┼", "┤"))
        for label, cells in rows:
            texts = [label] + [c[0] for c in cells]
            painted = [label] + [
                text if good is None else self.paint(text, GREEN if good else RED)
                for text, good in cells]
            self.say(line(texts, painted))
        self.say(rule("└", "┴", "┘"))
