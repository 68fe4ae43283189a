#!/usr/bin/env python3
"""Exported flame graphs in the programs they are for: the SVG in a headless Chromium, where it is searched and zoomed; speedscope's
JSON before speedscope's own schema.

FLAMETOP_BINARY is the program, FLAMETOP_WEB_PEERS where ./dev unpacked browser/ and npm/."""

import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from suite import Skip, check, main  # noqa: E402  (their folder is not a package)
from terminal import HOME  # noqa: E402
from web import PEERS, browse, browser_program, node  # noqa: E402

BINARY = os.environ["FLAMETOP_BINARY"]
NOW = "".join(f"{stack} {weight}\n" for stack, weight in [
    ("main;serve;parse;json::decode", 120), ("main;serve;query;db::execute;recv_[k]", 300), ("main;serve;query;db::connect", 80),
    ("main;serve;render;json::encode<char, int>&", 90), ("main;gc;mark;mark;sweep", 60)] + [(f"main;tiny{i}", 0.001) for i in range(40)])
BEFORE = "main;serve;parse;json::decode 400\nmain;serve;query;db::execute;recv_[k] 300\nmain;old_way 100\n"
TIMED = {"$schema": "https://www.speedscope.app/file-format-schema.json", "shared": {"frames": [{"name": "main"}, {"name": "step"}]},
         "profiles": [{"type": "evented", "name": "t", "unit": "milliseconds", "startValue": 0, "endValue": 100, "events": [
             {"type": "O", "frame": 0, "at": 5}, {"type": "O", "frame": 1, "at": 10}, {"type": "C", "frame": 1, "at": 20},
             {"type": "O", "frame": 1, "at": 60}, {"type": "C", "frame": 1, "at": 90}, {"type": "C", "frame": 0, "at": 95}]}]}


def export(ending, now=NOW, before=None):
    folder = tempfile.mkdtemp(dir=HOME)
    for name, text in ("now", now), ("before", before or ""):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    done = subprocess.run([BINARY, "flame", f"{folder}/now", *(["--diff", f"{folder}/before"] if before else []),
                           "-o", f"{folder}/out{ending}"], capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == 0 and done.stderr == "", done.stdout, done.stderr)
    return f"{folder}/out{ending}"


# ---- a browser ------------------------------------------------------------------------------------------


# Drives the picture as a user does: by keys and clicks. `prompt` is answered at once.
DRIVE = """<!doctype html><title>flame</title><iframe src=/flame.svg width=1240 height=600></iframe><script>
const frame = document.querySelector("iframe");
frame.onload = () => {
    const result = {};
    try {
        const inner = frame.contentWindow, svg = frame.contentDocument;
        const calls = () => [...svg.querySelectorAll(".f")];
        const shown = () => calls().filter((call) => call.style.display != "none");
        const called = (name) => calls().find((call) => call.getAttribute("data-n") == name);
        const width = (call) => +call.querySelector("rect").getAttribute("width");
        const press = (key) => inner.dispatchEvent(new inner.KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
        const click = (element) => element.dispatchEvent(new inner.MouseEvent("click", {bubbles: true}));
        result.calls = calls().length;
        result.labels = shown().map((call) => call.querySelector("text").textContent).filter((text) => text != "");
        result.titles = calls().map((call) => call.querySelector("title").textContent);
        inner.prompt = () => "^json::";
        press("/");
        result.matched = calls().filter((call) => / m/.test(call.getAttribute("class"))).map((call) => call.getAttribute("data-n"));
        result.found = svg.getElementById("found").textContent;
        result.colour = inner.getComputedStyle(called("json::decode").querySelector("rect")).fill;
        inner.prompt = () => "(";
        click(svg.getElementById("search"));
        result.wrong = svg.getElementById("found").textContent;
        result.before = width(called("query"));
        click(called("query"));
        result.zoomed = width(called("query"));
        result.inside = width(called("db::execute"));
        result.left = shown().map((call) => call.getAttribute("data-n"));
        press("Escape");
        result.after = width(called("query"));
        result.all = shown().length;
        result.errors = frame.contentDocument.querySelectorAll("parsererror").length;
    } catch (error) { result.error = String(error) + error.stack; }
    fetch("/result", {method: "POST", body: JSON.stringify(result)});
};
</script>"""


def test_svg__is_searched_and_zoomed_in_a_browser():
    with open(export(".svg"), "rb") as file:
        svg = file.read()
    seen = browse("dash.example", DRIVE, {"/flame.svg": ("image/svg+xml", svg)})
    check("error" not in seen and seen["errors"] == 0, seen)
    check(seen["calls"] == 16, seen["calls"], "calls")  # 15 that are wide enough, and one for the 40 that are not
    check({"all", "main", "serve", "query", "db::execute"} <= set(seen["labels"]), seen["labels"])
    check(any(title.startswith("40 calls too narrow to draw") for title in seen["titles"]), seen["titles"])
    check(seen["matched"] == ["json::decode", "json::encode<char, int>&"], seen["matched"])
    check(seen["found"] == "matched 32.3 %", seen["found"])
    check(seen["colour"] == "rgb(230, 0, 230)", seen["colour"])
    check("group" in seen["wrong"] or "xpression" in seen["wrong"], seen["wrong"])
    check(abs(seen["before"] - 1200 * 380 / 650) < 1 and abs(seen["zoomed"] - 1200) < 1, seen["before"], seen["zoomed"])
    check(abs(seen["inside"] - 1200 * 300 / 380) < 1, seen["inside"])
    check(seen["left"] == ["all", "main", "serve", "query", "db::execute", "db::connect", "recv_[k]"], seen["left"])
    check(seen["after"] == seen["before"] and seen["all"] == seen["calls"], seen["after"], seen["all"])


def test_svg__of_a_comparison_is_drawn():
    """By the browser as a picture: it has the size that the file says, and is not one colour."""
    browser, environment = browser_program()
    path, folder = export(".svg", before=BEFORE), tempfile.mkdtemp(dir=HOME)
    done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
                           f"--user-data-dir={folder}/profile", "--window-size=1200,300", f"--screenshot={folder}/flame.png",
                           f"file://{path}"], capture_output=True, timeout=60, check=False, env={**environment, "HOME": folder})
    check(os.path.exists(f"{folder}/flame.png"), done.stderr[-800:])
    with open(f"{folder}/flame.png", "rb") as file:
        png = file.read()
    check(png[:8] == b"\x89PNG\r\n\x1a\n" and int.from_bytes(png[16:20], "big") == 1200, png[:24])
    check(len(png) > 10000, "almost nothing is drawn:", len(png), "bytes")


# ---- speedscope -----------------------------------------------------------------------------------------


VALIDATE = """
const Ajv = require("ajv"), fs = require("fs");
const schema = JSON.parse(fs.readFileSync(process.argv[2])), check = new Ajv({strict: false}).compile(schema);
for (const path of process.argv.slice(3)) {
    const good = check(JSON.parse(fs.readFileSync(path)));
    console.log(good ? "valid" : JSON.stringify(check.errors));
}
"""


def test_speedscope__is_valid_for_its_schema():
    found = glob.glob(f"{PEERS}/npm/node_modules/speedscope/dist/release/file-format-schema*.json")
    if not found:
        raise Skip("the package speedscope of npm is not there")
    timed = json.dumps(TIMED)
    paths = [export(".speedscope.json"), export(".speedscope.json", before=BEFORE), export(".speedscope.json", now=timed)]
    folder = tempfile.mkdtemp(dir=HOME)
    with open(f"{folder}/wrong.json", "w", encoding="utf-8") as file:  # the validator can say no
        json.dump({**TIMED, "profiles": [{"type": "sampled"}]}, file)
    with open(f"{folder}/validate.cjs", "w", encoding="utf-8") as file:
        file.write(VALIDATE)
    done = node(f"{folder}/validate.cjs", found[0], *paths, f"{folder}/wrong.json")
    lines = done.stdout.splitlines()
    check(done.returncode == 0 and lines[:3] == ["valid"] * 3 and lines[3] != "valid", done.stdout, done.stderr)


if __name__ == "__main__":
    sys.exit(main(globals()))
