"""Prints what the certificates of a folder hold, one JSON object a line, by the names of the files.

With --picture, it draws one certificate instead, small, as docs/certificate.png has it:

    python certificates.py FOLDER
    python certificates.py --picture FILE.pdf FILE.png
"""

import json
import sys
from pathlib import Path

import pypdf
import pypdfium2
import zxingcpp


def render(path, scale):
    return pypdfium2.PdfDocument(path)[0].render(scale=scale).to_pil()


if sys.argv[1] == "--picture":
    picture = render(sys.argv[2], 0.95).quantize(16)
    picture.save(sys.argv[3], optimize=True)
    sys.exit()

for path in sorted(Path(sys.argv[1]).iterdir()):
    reader = pypdf.PdfReader(path, strict=True)
    page = reader.pages[0]
    size = [round(float(it)) for it in (page.mediabox.width, page.mediabox.height)]
    codes = [it.text for it in zxingcpp.read_barcodes(render(path, 2))]
    links = [it.get_object()["/A"]["/URI"] for it in page.get("/Annots", [])]
    shown = {
        "file": path.name,
        "pages": len(reader.pages),
        "size": size,
        "text": " ".join(page.extract_text().split()),
        "codes": codes,
        "links": links,
    }
    print(json.dumps(shown))
