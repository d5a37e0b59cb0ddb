"""Makes the certificate of one application: a PDF with a QR code that leads to its verification.

    python3 -m venv venv
    venv/bin/pip install --no-deps -r examples/requirements.txt
    certlife process --exec venv/bin/python examples/make_certificate.py --out certificates

certlife runs it for each application in progress (docs/processing.md): the application is JSON on
standard input, the exit status decides what becomes of it, and the last line of standard error
says why. The file is named after CERTLIFE_IDEMPOTENCY_KEY. One that is there already is left
alone, since the same work may be done twice.
"""

import argparse
import importlib.util
import json
import os
import re
import signal
import sys
import traceback
import unicodedata
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

REGULAR, BOLD, ITALIC = "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"
CRITICAL, TEMPORARY = 1, 75  # The application fails; it is tried again.


def give_up(status, why):
    print(why, file=sys.stderr)
    sys.exit(status)


try:
    import segno
    from reportlab.lib.colors import HexColor
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics, ttfonts
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import Paragraph

    # The fonts of every PDF reader are Latin only. This one, DejaVu Serif, is embedded, and has
    # Greek, Cyrillic, Armenian and Georgian as well. For other scripts, put another one here.
    FONTS = Path(importlib.util.find_spec("rinoh_typeface_dejavuserif").origin).parent
    for name in (REGULAR, BOLD, ITALIC):
        pdfmetrics.registerFont(ttfonts.TTFont(name, str(FONTS / f"{name}.ttf")))
except (ImportError, AttributeError):
    give_up(TEMPORARY, "this Python has not all packages of examples/requirements.txt")

VERIFY = "https://certificates.example.com/verify/"  # The QR code leads here, followed by the UUID.
INK, GOLD, GRAY = HexColor("#1b222c"), HexColor("#8a6d2f"), HexColor("#5a6675")
WIDTH, HEIGHT = landscape(A4)


def drawable(font, field, text):
    """The text on one line. The application fails if the font lacks a character of it."""
    text = unicodedata.normalize("NFC", re.sub("[ \t\r\n]+", " ", text))
    glyphs = pdfmetrics.getFont(font).face.charToGlyph
    lacks = sorted({it for it in text if ord(it) not in glyphs or unicodedata.category(it) == "Cc"})
    if lacks:
        shown = [f"U+{ord(it):04X}" + f" {it}" * it.isprintable() for it in lacks[:8]]
        more = " …" if len(lacks) > 8 else ""
        give_up(CRITICAL, f"{field} has characters that {font} lacks: {', '.join(shown)}{more}")
    return text


def center(canvas, text, middle, size, font=REGULAR, color=INK, height=12 * mm):
    """Writes a text on as many lines as it takes, smaller if they would be too high."""
    while True:
        style = ParagraphStyle("", fontName=font, fontSize=size, leading=1.25 * size, alignment=1)
        style.textColor = color
        paragraph = Paragraph(escape(text), style)
        _, needed = paragraph.wrap(WIDTH - 70 * mm, HEIGHT)
        if needed <= height:
            return paragraph.drawOn(canvas, 35 * mm, middle - needed / 2)
        size *= 0.95


def draw_qr(canvas, address, left, bottom, size):
    modules = segno.make(address, error="m", micro=False).matrix
    side = size / len(modules)
    squares = canvas.beginPath()
    for row, line in enumerate(reversed(modules)):
        for column in (column for column, is_dark in enumerate(line) if is_dark):
            squares.rect(left + column * side, bottom + row * side, side, side)
    canvas.setFillColor(INK)
    canvas.drawPath(squares, stroke=0, fill=1)
    canvas.linkURL(address, (left, bottom, left + size, bottom + size))


def draw(path, title, recipient, date, number, address):
    # The same application makes the same bytes: no time of day, no random identifier.
    canvas = Canvas(str(path), pagesize=(WIDTH, HEIGHT), invariant=True, lang="en")
    canvas.setTitle(title)
    canvas.setStrokeColor(GOLD)
    for inset, thickness in ((10 * mm, 2.5), (12 * mm, 0.6)):
        canvas.setLineWidth(thickness)
        canvas.rect(inset, inset, WIDTH - 2 * inset, HEIGHT - 2 * inset)
    center(canvas, "C E R T I F I C A T E", 174 * mm, 15, color=GOLD)
    center(canvas, title, 137 * mm, 38, BOLD, height=54 * mm)
    canvas.line(WIDTH / 2 - 25 * mm, 104 * mm, WIDTH / 2 + 25 * mm, 104 * mm)
    center(canvas, "awarded to", 94 * mm, 13, ITALIC, GRAY)
    center(canvas, recipient, 81 * mm, 20, height=17 * mm)
    draw_qr(canvas, address, WIDTH - 55 * mm, 30 * mm, 30 * mm)
    canvas.setFont(REGULAR, 11)
    canvas.drawString(39 * mm, 31 * mm, date)
    canvas.drawString(39 * mm, 23 * mm, number)
    canvas.setFillColor(GRAY)
    canvas.drawString(25 * mm, 31 * mm, "Date")
    canvas.drawString(25 * mm, 23 * mm, "No.")
    canvas.setFont(REGULAR, 7)
    canvas.drawRightString(WIDTH - 25 * mm, 23 * mm, address)
    canvas.save()


def make(out):
    key = os.environ.get("CERTLIFE_IDEMPOTENCY_KEY", "")
    if not re.fullmatch("processing:[0-9a-f-]{36}:[0-9]+", key):
        give_up(CRITICAL, "CERTLIFE_IDEMPOTENCY_KEY must be processing:UUID:VERSION")
    _, uuid, version = key.split(":")
    path = out / f"{uuid}-{version}.pdf"
    if path.exists():
        return
    try:
        application = json.load(sys.stdin.buffer)
        title = drawable(BOLD, "certificate_title", application["certificate_title"])
        recipient = drawable(REGULAR, "applicant_email", application["applicant_email"])
        day = datetime.strptime(application["updated_at"], "%Y-%m-%dT%H:%M:%SZ")
        number = str(application["application_id"])
    except KeyError as error:
        give_up(CRITICAL, f"the application has no field {error}")
    except (ValueError, TypeError):
        give_up(CRITICAL, "standard input must be an application, as certlife show --json has it")
    out.mkdir(parents=True, exist_ok=True)
    part = out / f".{path.name}.{os.getpid()}.part"
    try:
        draw(part, title, recipient, f"{day.day} {day:%B %Y}", number, VERIFY + uuid)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)  # At once, and only when it is whole.
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder of the PDFs")
    out = parser.parse_args().out
    # At the timeout, and when certlife is stopped, nothing half-done is left behind.
    signal.signal(signal.SIGTERM, lambda *_: give_up(TEMPORARY, "ended by SIGTERM"))
    try:
        make(out)
    except OSError as error:  # The disk is full, the folder's server is away.
        give_up(TEMPORARY, f"cannot write to {out}: {error.strerror}")
    except Exception as error:  # Its text may be personal. Its place is not.
        place = traceback.extract_tb(error.__traceback__)[-1]
        give_up(CRITICAL, f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}")
