"""`python -m deploy`: use a trained model of a run directory."""

import argparse
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from deploy.errors import ModelError
from runs.errors import EosweepError
from runs.files import write_text

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
reference system. A classifier gives NAME.labels.csv: the classes of each tile, and with
--format geojson its outline too. An image needs the bands of the training data, in their order or
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
        "probability of a class, below which a pixel is background (default: the most probable); "
        "of a classifier, that of a class which a tile has (default: the model's own rule)",
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
        help="of polygons and boxes (default: gpkg for boxes, no polygons of classes or tiles)",
    )
    _add_device(parser)
    parser.set_defaults(act=_predict)


def _predict(options: Namespace) -> None:
    from deploy.devices import device_called
    from deploy.maps.images import scale_in_words
    from deploy.maps.predict import predict_files
    from deploy.trained import open_trained

    trained = open_trained(options.run, options.trial, device_called(options.device))
    scale = f"{trained.data.dtype} values, {scale_in_words(trained.data)}"
    _tell(f"{trained.source} expects {scale}")
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
Write a trained model for other programs. As onnx, in float32, half and int8, its
normalisation inside: the input are stored values, float32 [N, bands, size, size]. A
segmenter's output are the probabilities of each pixel's classes, a detector's (of one
image) boxes, scores and labels, a classifier's how sure it is of each class, and which
an image has; the file's metadata name the classes by id. A table, and
comparison.json, say what each costs on one core: score on test, latency, memory. As hub:
weights, configuration and card in one folder, which deploy.load opens."""
    parser.epilog = """examples:
  python -m deploy export results/landcover_swin
  python -m deploy export results/landcover_swin --format hub --out landcover"""
    parser.add_argument("--format", choices=("onnx", "hub"), default="onnx", help="default: onnx")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="default: RUN/export/TRIAL/FORMAT"
    )
    parser.set_defaults(act=_export)


def _export(options: Namespace) -> None:
    from deploy.choice import choose_training
    from runs.directory import RunDirectory

    name = choose_training(RunDirectory(options.run), options.trial).name
    folder = _made(options.out or options.run / "export" / name / options.format)
    if options.format == "hub":
        from deploy.hub import write_hub

        print(write_hub(options.run, name, folder))
    else:
        from deploy.export.comparison import export_and_compare, show_comparison
        from deploy.trained import open_trained

        trained = open_trained(options.run, name)
        compared = export_and_compare(trained, options.run, folder, _tell)
        print(show_comparison(compared))
        print(folder)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


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
    parser.add_argument(
        "--max-seconds", type=float, default=60, metavar="N", help="to send it in (default: 60)"
    )
    _add_device(parser)
    parser.set_defaults(act=_serve)


def _serve(options: Namespace) -> None:
    from deploy.devices import device_called
    from deploy.serving.server import serve_model

    device = str(device_called(options.device))
    serve_model(
        options.run,
        options.trial,
        device=device,
        host=options.host,
        port=options.port,
        max_bytes=round(options.max_megabytes * 1e6),
        max_seconds=options.max_seconds,
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


if __name__ == "__main__":
    sys.exit(main())
