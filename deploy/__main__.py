"""`python -m deploy`: use a trained model of a run directory."""

import argparse
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.errors import ModelError
from runs.errors import EosweepError
from runs.files import write_text

if TYPE_CHECKING:
    import torch

INTERRUPTED = 130
"""Exit status of a command that Ctrl-C ends, as shells give it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 2 for a request that cannot be met."""
    options = _parser().parse_args(arguments)
    try:
        options.act(options)
    except EosweepError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the file that was being written is not kept", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m deploy",
        description="Use a trained model of a run directory. Without --trial it is the winner: the "
        "best on validation, as in the ranking.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary, add in (
        ("predict", "map what the model finds in images of any size", _add_predict),
        ("export", "write the model for other programs to run", _add_export),
        ("card", "describe the model for those who may use it", _add_card),
        ("serve", "answer images over HTTP", _add_serve),
    ):
        command = commands.add_parser(
            name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_argument(
            "run", type=Path, help="a run directory, such as results/landslide_backbones"
        )
        add(command)
        command.add_argument("--trial", metavar="NAME", help="this trial or repeat, not the winner")
    return parser


def _add_predict(parser: ArgumentParser) -> None:
    parser.description = """\
Show images to a trained model, tile by tile, and write what it finds. A segmenter
gives NAME.classes.tif: class ids on the image's grid, tiled, compressed and with
overviews, and with --format its areas as polygons too. A detector gives
NAME.objects.gpkg, or .geojson: boxes with class and score, in the image's coordinate
reference system. An image needs the bands of the training data, in their order or
described by their names, or chosen with --bands; and their type and scale, which are
printed first. Files in the data set's own format (.h5 of Landslide4Sense) are read too."""
    parser.epilog = """examples:
  python -m deploy predict results/landcover_swin scene.tif
  python -m deploy predict results/landcover_swin *.tif --format gpkg --out maps/"""
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="such as a GeoTIFF")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="for the maps (default: RUN/maps)"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="lowest score of a box (default: all the model gives); of a segmenter, the lowest "
        "probability of a class, below which a pixel is background (default: the most probable)",
    )
    parser.add_argument(
        "--bands",
        type=_bands,
        metavar="B,B,…",
        help="the image's bands that are the model's, in its order: numbers from 1, or names",
    )
    parser.add_argument(
        "--format",
        choices=("gpkg", "geojson"),
        help="of polygons and boxes (default: gpkg for boxes, no polygons of classes)",
    )
    _add_device(parser)
    parser.set_defaults(act=_predict)


def _predict(options: Namespace) -> None:
    from deploy.maps.images import scale_in_words
    from deploy.maps.predict import predict_files
    from deploy.trained import open_trained

    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise ModelError(f"--threshold {options.threshold:g}: it lies between 0 and 1")
    trained = open_trained(options.run, options.trial, _device(options.device))
    scale = f"{trained.data.dtype} values, {scale_in_words(trained.data)}"
    print(f"{trained.source} expects {scale}", file=sys.stderr, flush=True)
    folder = _made(options.out or options.run / "maps")
    for file in predict_files(
        trained,
        options.images,
        folder,
        options.format,
        bands=options.bands,
        threshold=options.threshold,
    ):
        print(file, flush=True)


def _bands(text: str) -> list[int | str]:
    return [int(band) if band.isdecimal() else band for band in text.split(",")]


def _add_export(parser: ArgumentParser) -> None:
    parser.description = """\
Write a trained model as ONNX, its normalisation inside: the input are stored values,
float32 [N, bands, size, size]. A segmenter's output are the probabilities of each
pixel's classes, a detector's (of one image) boxes, scores and labels. What is written
is run beside the original on test images, and the largest difference is printed."""
    parser.epilog = """example:
  python -m deploy export results/landcover_swin --onnx landcover.onnx"""
    parser.add_argument("--onnx", type=Path, required=True, metavar="FILE", help="where to write")
    parser.set_defaults(act=_export)


def _export(options: Namespace) -> None:
    from deploy.export import export_onnx
    from deploy.trained import open_trained

    _made(options.onnx.parent)
    print(export_onnx(open_trained(options.run, options.trial), options.onnx))


def _add_card(parser: ArgumentParser) -> None:
    parser.description = """\
Describe a trained model in Markdown, from what its run directory says: data, classes,
training, scores, what it is for and what it is not."""
    parser.epilog = """example:
  python -m deploy card results/landcover_swin --out MODEL_CARD.md"""
    parser.add_argument("--out", type=Path, metavar="FILE", help="instead of standard output")
    parser.set_defaults(act=_card)


def _card(options: Namespace) -> None:
    from deploy.card import model_card

    card = model_card(options.run, options.trial)
    if options.out is None:
        print(card, end="")
    else:
        _made(options.out.parent)
        write_text(options.out, card)


def _add_serve(parser: ArgumentParser) -> None:
    parser.description = """\
Answer images over HTTP with Ray Serve, until Ctrl-C. POST the bytes of a GeoTIFF, PNG
or JPEG to /; the answer is GeoJSON, or a segmenter's mask if the Accept header names
image/tiff or image/png (or the address ends in ?format=tif or png). GET /health says
which model answers. What cannot be answered is refused with {"error": "…"}."""
    parser.epilog = """examples:
  python -m deploy serve results/landcover_swin
  curl --data-binary @scene.tif http://127.0.0.1:8000/?format=tif -o mask.tif"""
    parser.add_argument("--host", default="127.0.0.1", help="to listen on (default: this machine)")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    parser.add_argument(
        "--max-megabytes", type=float, default=64, metavar="N", help="of a body (default: 64)"
    )
    _add_device(parser)
    parser.set_defaults(act=_serve)


def _serve(options: Namespace) -> None:
    from deploy.serving.server import serve_model

    device = str(_device(options.device))
    serve_model(
        options.run,
        options.trial,
        device=device,
        host=options.host,
        port=options.port,
        max_bytes=round(options.max_megabytes * 1e6),
    )


def _add_device(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, … (default: a GPU if there is one)"
    )


def _made(folder: Path) -> Path:
    """`folder`, which is there from now on."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"{folder} cannot be made a folder to write to: {error.strerror}"
        ) from None
    return folder


def _device(name: str | None) -> "torch.device":
    import torch

    has_gpu = torch.cuda.is_available()
    try:
        device = torch.device(name or ("cuda" if has_gpu else "cpu"))
    except RuntimeError:
        raise ModelError(f"--device {name}: there is no such kind of device") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(
            f"--device {name}: this machine has {torch.cuda.device_count()} GPUs; "
            "they count from cuda:0"
        )
    return device


if __name__ == "__main__":
    sys.exit(main())
