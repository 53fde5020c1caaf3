from __future__ import annotations

import pytest

from relscout.cli import screen
from relscout.core.errors import RecordError


def said(capsys, message: str) -> str:
    screen.say_error(message)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_a_message_longer_than_the_screen_stays_one_line(capsys):
    message = "word " * 60 + "end"
    assert said(capsys, message) == f"error: {message}\n"


def test_line_breaks_and_control_characters_do_not_split_a_message(capsys):
    assert said(capsys, "a\nb\r\tc\x1b[2Jd\u202ee") == "error: a b  c·[2Jd·e\n"


def test_letters_that_need_a_joiner_keep_it(capsys):
    assert said(capsys, "می\u200cشود") == "error: می\u200cشود\n"


def test_what_looks_like_markup_is_reported_as_it_is(capsys):
    assert said(capsys, "[bold]x[/bold] :smile:") == "error: [bold]x[/bold] :smile:\n"


def test_a_long_quotation_is_cut(capsys):
    err = said(capsys, f"unknown method {'x' * 1000!r}; known are 'kmeans'")
    assert err == f"error: unknown method '{'x' * 59}…'; known are 'kmeans'\n"


def test_both_ends_of_a_very_long_message_are_kept(capsys):
    err = said(capsys, "start " + "x" * 5000 + " what to do")
    assert err.startswith("error: start xxx")
    assert err.endswith(" what to do\n")
    assert len(err) < 620


@pytest.mark.parametrize(("number", "text"), [(0, "0 cats"), (1, "1 cat"), (1200, "1,200 cats")])
def test_things_are_counted(number, text):
    assert screen.counted(number, "cat") == text


def test_nothing_skipped_is_not_worth_a_word(capsys):
    screen.Skipped().report()
    assert capsys.readouterr() == ("", "")


def test_skipped_records_are_counted_beyond_those_that_are_listed():
    skipped = screen.Skipped()
    for number in range(25):
        skipped(RecordError("file", f"line {number}", "wrong"))
    assert skipped.as_json()["count"] == 25
    assert skipped.as_json()["first"][9] == "file, line 9: wrong"
    assert len(skipped.as_json()["first"]) == 10


def test_bars_are_drawn_on_no_pipe(capsys):
    with screen.progress_bars(resumable=True) as progress:
        progress("encode", 1, 2)
        progress("cluster", 0, None)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("resumable", "words"), [(True, ("finished steps are kept",)), (False, ())])
def test_an_interruption_says_whether_work_is_kept(resumable, words):
    with pytest.raises(KeyboardInterrupt) as stop, screen.progress_bars(resumable=resumable):
        raise KeyboardInterrupt
    assert len(stop.value.args) == len(words)
    assert all(told.startswith(word) for told, word in zip(stop.value.args, words, strict=True))


def test_a_pipe_is_wide_enough_to_read(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert screen.output().width == 120


def test_a_width_that_was_asked_for_is_kept(monkeypatch):
    monkeypatch.setenv("COLUMNS", "66")
    assert screen.output().width == 66
