"""The page as a whole: self-contained, escaped, honest about what it shows."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.report.made_run import evaluated, made_content
from eval.report.parsed import Page
from zerotube.errors import InputError
from zerotube.eval.evaluation import Evaluation
from zerotube.eval.predictions import failure
from zerotube.eval.report import write_report
from zerotube.eval.report.page import render
from zerotube.eval.runner.types import RunRecord
from zerotube.eval.types import Benchmark, Prediction, Sample, Skipped, Truth
from zerotube.geometry.spans import Span
from zerotube.video import open_video, write_video


@pytest.fixture(scope="module")
def content(samples) -> Evaluation:
    return made_content(samples, skipped=(Skipped("gone", "no video gone.mp4 below the root"),))


@pytest.fixture(scope="module")
def source(content, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, content)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source) -> Page:
    return Page(source)


def test_it_needs_nothing_but_itself(source, page) -> None:
    assert not re.search(r"https?:|@import|url\(|<script|<link|<iframe", source, re.I)
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "data", "poster", "xlink:href", "action"):
            assert attributes.get(name, "data:").startswith("data:"), tag
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    policy = page.named("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'" in policy


def test_it_is_well_formed(page) -> None:
    assert page.unbalanced == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {own["href"].removeprefix("#") for own in page.named("a")}
    assert links
    assert links <= set(ids)


def test_pictures_and_charts_are_told_in_words(page) -> None:
    assert page.named("img")
    assert all(re.match(r"frame \d+: ", own["alt"]) for own in page.named("img"))
    drawn = page.named("svg")
    assert all(own.get("aria-hidden") == "true" or own["aria-label"] for own in drawn)
    told = [own["aria-label"] for own in page.named("svg", role="img")]
    for what in ("Histogram of tIoU", "Histogram of vIoU", "Histogram of gt_vIoU", "Scatter plot"):
        assert any(text.startswith(what) for text in told)


def test_headline_is_the_score(content, page) -> None:
    table = content.scores.tables["all"]
    mean, reach = table.means()["m_vIoU"], table.intervals()["m_vIoU"]
    assert mean is not None
    assert f"m_vIoU {100 * mean:.1f} %" in page.text
    assert f"{100 * reach.low:.1f}–{100 * reach.high:.1f}" in page.text


def test_counts_and_reasons(page) -> None:
    # Fourteen samples; the fifth kind of six answers fails (4, 10), the sixth is missing (5, 11).
    for count in ("samples 14", "answered 10", "failed 2", "missing 2", "skipped 1"):
        assert count in page.text
    assert "tried to allocate 2 GiB" in page.text
    assert "no video gone.mp4 below the root" in page.text


def test_settings_that_differ_are_marked(page) -> None:
    assert "1 of 6 settings differ" in page.text
    assert len(page.named("tr", class_="differs")) == 1
    assert "method.top_k 9 7" in page.text
    assert "zerotube eval --dataset synth" in page.text
    assert "torch 2.10.0" in page.text


def test_times(content, page) -> None:
    spent = [result["timings_s"]["ground"] for result in content.record.results.values()]
    assert f"ground 10 {np.median(spent):.2f} s {sum(spent):.2f} s" in page.text.replace(",", "")
    totals = [one["total"] for one in content.timings["stages"].values()]
    assert f"s {100 * totals[3] / sum(totals):.1f}%" in page.text
    rate = 10 / sum(content.record.seconds.values())
    assert f"samples per second and worker {rate:.3g}" in page.text


def test_pictures_are_the_frames_they_say(content, page) -> None:
    """The first card is the best answer; its pictures are decoded from that sample's video."""
    best = max(content.record.samples, key=lambda s: content.scores.per_sample[s.sample_id].v_iou)
    with open_video(best.video) as video:
        for own in page.named("img")[:6]:
            frame = int(own["alt"].partition(":")[0].removeprefix("frame "))
            shown = Image.open(io.BytesIO(base64.b64decode(own["src"].partition(",")[2])))
            assert shown.size == (96, 96)
            drawn = video.frames([frame]).frames[0].astype(float)
            assert np.abs(np.asarray(shown, float) - drawn).mean() < 4


def test_boxes_are_those_of_truth_and_answer(content, source) -> None:
    best = max(content.record.samples, key=lambda s: content.scores.per_sample[s.sample_id].v_iou)
    card = source[source.index("<article") : source.index("</article>")]
    answer = content.predictions[best.sample_id]
    seen = 0
    for frame, drawing in re.findall(r'alt="frame (\d+):.*?<svg(.*?)</svg>', card, re.S):
        boxes = {
            which: tuple(float(value) for value in values)
            for which, *values in re.findall(
                r'class="box-(\w+)[^"]*" x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"', drawing
            )
        }
        at = int(frame) - best.truth.span.start_frame
        inside = 0 <= at < best.truth.span.frame_count
        assert ("true" in boxes) == inside
        if inside:
            x1, y1, x2, y2 = best.truth.boxes_xyxy[at]
            assert boxes["true"] == pytest.approx((x1, y1, x2 - x1, y2 - y1), abs=0.06)
            seen += 1
        x1, y1, x2, y2 = answer.boxes_xyxy[int(frame)]
        assert boxes["predicted"] == pytest.approx((x1, y1, x2 - x1, y2 - y1), abs=0.06)
        # Outside its span the track is drawn thin.
        assert ('box-predicted thin"' in drawing) == (int(frame) not in answer.span)
    assert seen >= 2


def test_anything_a_person_wrote_is_escaped(samples) -> None:
    evil = "<script>alert('x')</script><img src=http://evil.example/x.png>&amp;"
    changed = [
        replace(sample, query=f"{evil} {n}", sample_id=f"{n}{evil}", tags={evil: f"{evil}{n % 2}"})
        for n, sample in enumerate(samples)
    ]
    content = made_content(
        changed,
        title=evil,
        command=evil,
        measured_on=evil,
        settings={evil: evil},
        versions={evil: evil},
        skipped=(Skipped(evil, evil),),
        errors={changed[4].sample_id: f"Error: {evil}"},
    )
    page = Page(render(content))
    assert page.unbalanced == []
    assert not page.named("script")
    assert all(own["src"].startswith("data:") for own in page.named("img"))
    assert page.text.count(evil) > 20
    assert f"Error: {evil}" in page.text


def test_long_texts_stay_in_the_page(blind) -> None:
    content = made_content(
        [replace(blind[0], query="x" * 300, sample_id="y" * 200), *blind[1:]],
        errors={blind[4].sample_id: "a" * 9000 + "the end"},
    )
    page = Page(render(content))
    assert "x" * 300 in page.text
    assert "y" * 200 in page.text
    assert "a" * 2000 not in page.text
    assert "the end" in page.text
    assert "overflow-wrap: anywhere" in render(content)


@pytest.mark.parametrize("harm", ["no folder", "gone", "unreadable", "other size", "too short"])
def test_a_video_that_cannot_be_shown_is_told(samples, tmp_path, harm) -> None:
    clips = {sample.sample_id: sample for sample in samples[:4]}
    first = samples[0]
    if harm == "no folder":
        changed = replace(first, video=None)
        said = "the video was not found"
    elif harm == "gone":
        changed = replace(first, video=tmp_path / "gone.mp4")
        said = "cannot be found"
    elif harm == "unreadable":
        broken = tmp_path / "broken.mp4"
        broken.write_bytes(b"no video at all")
        changed = replace(first, video=broken)
        said = "the video cannot be read"
    elif harm == "other size":
        changed = replace(first, width=640, height=480)
        said = "the video is 96x96 pixels, its annotation says 640x480: boxes are not drawn"
    else:
        changed = replace(first, segment=Span(5000, 6000))
        said = "the annotated segment begins at frame 5000"
    content = made_content([changed, *list(clips.values())[1:]], answers=("exact", "shifted"))
    source = render(content)
    page = Page(source)
    assert said in page.text
    assert page.unbalanced == []
    # The other three samples keep their six pictures; a wrong size shows them without boxes.
    assert len(page.named("img")) == (24 if harm == "other size" else 18)
    card = next(part for part in source.split("<article")[1:] if said in part)
    assert "box-true" not in card
    assert 'class="true"' in card  # its time bar


def test_a_failed_sample_shows_the_truth_alone(samples) -> None:
    content = made_content(samples[:3], answers=("failed",))
    source = render(content)
    page = Page(source)
    assert "No answer: OutOfMemoryError" in page.text
    assert page.text.count("no answer") >= 3
    cards = source[source.index("<article") :]
    assert "box-true" in cards
    assert "box-predicted" not in cards
    assert "Best" not in page.text


def test_a_part_of_the_data_set_says_so(blind) -> None:
    whole = Benchmark("hcstvg-v2", "val", tuple(blind))
    part = Page(render(made_content(blind[:6], benchmark=whole)))
    assert "a part of the data set: 6 of 14 samples" in part.text
    assert "do not compare with published ones" in part.text
    complete = Page(render(made_content(blind, benchmark=whole)))
    assert "a part of the data set" not in complete.text


def test_what_the_method_skipped_makes_no_part(blind) -> None:
    """A sample left out because its video does not fit was asked for."""
    whole = Benchmark("synth", "", tuple(blind))
    skipped = (Skipped(blind[-1].sample_id, "40 frames, the annotation needs 50"),)
    content = made_content(blind[:-1], benchmark=whole, skipped=skipped)
    assert content.left_out == 0
    assert "a part of the data set" not in Page(render(content)).text


def test_an_interrupted_run_says_so(blind) -> None:
    content = made_content(blind)
    page = Page(render(replace(content, record=replace(content.record, complete=False))))
    assert "This run is not finished: 2 of 14 samples have no result" in page.text


@pytest.mark.parametrize(
    ("dataset", "split", "there", "absent"),
    [
        ("hcstvg-v2", "val", ["27.7", "InternVL3-4B, baseline", "not measured here"], []),
        ("hcstvg-v2", "train", ["published for the split val; this is train"], ["44.7"]),
        ("hcstvg-v1", "", ["19.1", "E3M split test"], []),
        ("hcstvg", "", ["which version of HC-STVG"], ["published by others"]),
        ("synth", "mixed", ["Nothing is published for generated clips"], ["published by others"]),
        ("other", "", ["No published numbers are known for other"], ["published by others"]),
    ],
)
def test_published_numbers(blind, dataset, split, there, absent) -> None:
    page = Page(render(made_content(blind, benchmark=Benchmark(dataset, split, blind))))
    for text in there:
        assert text in page.text
    for text in absent:
        assert text not in page.text


def test_kinds_apart_are_never_averaged(blind) -> None:
    kinds = ("declarative", "interrogative")
    mixed = [replace(sample, kind=kinds[n % 2]) for n, sample in enumerate(blind)]
    content = made_content(mixed, benchmark=Benchmark("vidstg", "test", tuple(mixed), (), kinds))
    page = Page(render(content))
    for kind in kinds:
        mean = content.scores.tables[kind].means()["m_vIoU"]
        assert mean is not None
        assert f"m_vIoU {100 * mean:.1f} %" in page.text
    pooled = float(np.mean([o.v_iou for o in content.scores.per_sample.values()]))
    assert f"m_vIoU {100 * pooled:.1f} %" not in page.text
    assert "29.8" in page.text  # LLaVA-OneVision, declarative
    assert "21.4" in page.text  # and interrogative
    assert len(page.named("svg", role="img")) >= 8


def test_stills_have_no_time(tmp_path) -> None:
    rng = np.random.default_rng(0)
    made, found = [], {}
    for number in range(6):
        picture = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(picture)
        truth = Truth(Span(0, 0), np.array([[8.0, 8.0, 40.0, 40.0]]))
        name = f"image-{number}"
        made.append(Sample(name, "the red one", "val", picture.name, picture, truth, frame_count=1))
        box = truth.boxes_xyxy + 2.0 * number
        found[name] = Prediction(name, Span(0, 0), np.array([0]), box)
    benchmark = Benchmark("refcoco", "val", tuple(made), still=True)
    record = RunRecord(tuple(made), {name: {} for name in found}, {}, (), {}, complete=True)
    content = evaluated(benchmark, record, found, title="RefCOCO")
    source = render(content)
    page = Page(source)
    assert len(page.named("img")) == 6
    assert source.count('class="box-predicted"') == 7  # one is the legend's
    assert "tIoU" not in page.text
    assert not page.named("div", class_="times")
    assert "68.7" in page.text
    assert "acc@0.5 50.0 %" in page.text
    assert "The run recorded no times" in page.text


def test_the_same_run_gives_the_same_page(content, source) -> None:
    assert render(content) == source


def test_the_drawn_samples_are_of_the_others(blind) -> None:
    many = [replace(blind[n % 14], sample_id=f"id-{n}", video=None) for n in range(60)]
    text = Page(render(made_content(many))).text.partition("Drawn at random")[2]
    assert "seed 0 from the other 48 samples" in text
    assert len(set(re.findall(r"id-\d+", text.partition("Failed and")[0]))) == 6


def test_noise_keeps_the_page_small(tmp_path) -> None:
    """Noise is what JPEG compresses worst: eighteen samples of it stay below 3 MB."""
    rng = np.random.default_rng(0)
    video = tmp_path / "noise.mp4"
    frames = rng.integers(0, 255, (6, 180, 320, 3), dtype=np.uint8)
    write_video(video, frames, Fraction(10), crf=10)
    truth = Truth(Span(1, 4), np.tile([10.0, 10.0, 90.0, 90.0], (4, 1)))
    noisy = tuple(
        Sample(f"n{n}", "noise", "all", "noise.mp4", video, truth, fps=10.0) for n in range(18)
    )
    found = {
        s.sample_id: Prediction(
            s.sample_id, Span(n % 3, 4), np.arange(6), np.tile([9.0, 9.0, 90.0, 80.0], (6, 1))
        )
        for n, s in enumerate(noisy)
    }
    benchmark = Benchmark("synth", "", noisy)
    record = RunRecord(noisy, {name: {} for name in found}, {}, (), {}, complete=True)
    path = tmp_path / "report.html"
    write_report(path, evaluated(benchmark, record, found, title="noise"))
    source = path.read_text(encoding="utf-8")
    assert source.count("<img") == 18 * 6
    assert len(source) < 3e6


def test_a_large_run_reads_only_the_samples_it_shows(samples, monkeypatch) -> None:
    opened = []

    def counting(path):
        opened.append(path)
        return open_video(path)

    monkeypatch.setattr("zerotube.video.open_video", counting)
    base = {sample.sample_id: made_content([sample], answers=("shifted",)) for sample in samples}
    many, found, errors = [], {}, {}
    for number in range(2000):
        like = samples[number % 14]
        name = f"{number}:caption:0"
        tags = {"category": f"thing {number % 40}", "id": str(number)}
        many.append(replace(like, sample_id=name, tags=tags))
        if number % 10 == 3:
            errors[name] = f"VideoError: file {number} cannot be read"
            found[name] = failure(name, errors[name])
        else:
            answer = base[like.sample_id].predictions[like.sample_id]
            found[name] = replace(answer, sample_id=name)
    benchmark = Benchmark("synth", "", tuple(many))
    record = RunRecord(benchmark.samples, {}, errors, (), {}, complete=True)
    content = evaluated(benchmark, record, found, title="large")
    source = render(content)
    assert len(opened) == 18
    assert len(source) < 1e6
    page = Page(source)
    assert "Failed: 200 samples" in page.text
    assert "and 140 more reasons" in page.text
    assert "the 12 largest of 40 groups" in page.text
    # A property that is different for every sample is not a group.
    assert not any(own["aria-label"] == "By id" for own in page.named("div", role="region"))


def test_it_is_written_whole_or_not_at_all(blind, tmp_path, monkeypatch) -> None:
    content = made_content(blind)
    path = tmp_path / "report.html"
    path.write_text("an older page")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(tmp_path / "nowhere" / "report.html", content)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(InputError, match="No space left"):
            write_report(path, content)
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "an older page"
    write_report(path, replace(content, title="undecodable \udcff"))
    assert "undecodable \\udcff" in path.read_text(encoding="utf-8")
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_scores_of_other_samples_are_refused(content, samples) -> None:
    fewer = replace(content.record, samples=tuple(samples[:5]))
    with pytest.raises(InputError, match="scores of 14 samples for a run of 5"):
        replace(content, record=fewer)


def test_a_run_without_samples_is_refused(content) -> None:
    with pytest.raises(InputError, match="a run without samples"):
        replace(
            content,
            record=replace(content.record, samples=()),
            scores=replace(content.scores, per_sample={}),
        )
