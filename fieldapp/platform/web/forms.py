"""The one form renderer: a command's schema becomes a page, a post becomes a command (ADR 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from flask import Response, current_app, g, redirect, request, session
from flask_babel import gettext

from fieldapp.errors import Invalid
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import WEB, AttachmentNote, Base, Command, Result, execute, plain, web_envelope
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.extensions import AppValue
from fieldapp.platform.web import inputs, show_when, trouble
from fieldapp.platform.web.controls import Control, controls, switch_off
from fieldapp.platform.web.etag import new_id, rendered_at
from fieldapp.platform.web.formdata import to_data
from fieldapp.platform.web.guards import actor
from fieldapp.platform.web.render import render

#: What a form says of the record that was shown: its compared fields, as JSON.
LONGEST_BASE = 100_000


@dataclass
class FormPage:
    """Everything a form needs besides its schema.

    `agg` is `(type, id)` of an existing record, or `(type, None)` where the form makes one.
    `draft` is the key under which the phone keeps it half-filled; leave it empty for plain buttons.
    `ver` is the record's version where the form changes one: `initial` is what the person sees of it.
    `base` is said of what the person sees where it is more than that, such as the round of a decision.
    """

    kind: str
    agg: tuple[str, str | None]
    title: Any
    done: str
    action: str = ""
    submit: Any = ""
    draft: str = ""
    record_title: str = ""
    initial: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    template: str = "form.html"
    context: Mapping[str, Any] = field(default_factory=dict)
    back: str = ""
    ver: int = 0
    position: bool = False
    intro: Any = ""
    base: Base | None = None
    #: Keys of the facts this form depends on, e.g. `job:<id>` (ADR 28).
    knows: str = ""


@dataclass
class BoundForm:
    """A form ready to be drawn by templates/platform/web/form.html."""

    page: FormPage
    command: Command
    controls: list[Control]
    problems: list[str]
    op: str
    new_id: str
    issued: str
    said: Mapping[str, list[str]] = field(default_factory=dict)
    base: Base | None = None
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def shows(self, rule: str) -> bool:
        """Whether the rule of a part of the page holds for the values shown."""
        return show_when.holds(rule, self.values)

    def __getitem__(self, name: str) -> Control:
        return next(control for control in self.controls if control.name == name)

    def photo_problems(self, role: str) -> list[str]:
        """What is wrong with the photos of one role."""
        return self.said.get(f"photos.{role}", [])

    @property
    def base_json(self) -> str:
        """What the person sees of the record, for the envelope; empty where nothing is compared."""
        return msgspec.json.encode(self.base).decode() if self.base else ""

    @property
    def agg(self) -> str:
        """`type:id`, or only the type where the record is new."""
        kind, record = self.page.agg
        return f"{kind}:{record}" if record else kind


def bind(
    page: FormPage,
    values: Mapping[str, Any] | None = None,
    problems: Mapping[str, list[str]] | None = None,
    base: Base | None = None,
) -> BoundForm:
    """The form with the given values and problems; those that belong to no control are listed at the top."""
    command = COMMANDS()[page.kind]
    problems = problems or {}
    if command.merges and values is not None:
        # What was emptied stays empty when the form comes back.
        values = {**dict.fromkeys(command.merges.fields), **values}
    values = {**page.initial, **(values or {})}
    made = controls(command.schema, values, problems, page.options)
    named = set(_names(made)) | {f"photos.{slot.role}" for slot in command.photos}
    loose = [words for name, said in problems.items() if name not in named for words in said]
    return BoundForm(
        page,
        command,
        made,
        loose,
        new_id(),
        str(values.get("id") or new_id()),
        rendered_at(),
        problems,
        base or _shown(page, command),
        switch_off(made),
    )


def _shown(page: FormPage, command: Command) -> Base | None:
    """What a person who opens the form now sees: the record's version, and the fields that the command compares."""
    if page.base is not None or not page.ver:
        return page.base
    names = [name for name in (command.merges.fields if command.merges else ()) if name in page.initial]
    return Base(page.ver, {name: plain(page.initial[name]) for name in names})


def _seen() -> Base | None:
    """What the person saw when they began to fill in the form that was posted."""
    try:
        return msgspec.json.decode(inputs.posted_json("_base", most=LONGEST_BASE), type=Base)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _names(made: Sequence[Control]) -> list[str]:
    names = []
    for control in made:
        if control.widget != "hidden":
            names.append(control.name)
        for row in control.rows:
            names += _names(row)
    return names


def form_page(page: FormPage) -> Response:
    """GET draws the form; POST sends it through the door: 303 to `done`, or 422 with everything still typed."""
    if request.method != "POST":
        return _draw(page)
    if "refused_post" in g:
        return _draw(page, *g.refused_post)
    given = list(inputs.posted_fields())
    data = to_data(given)
    try:
        result = _unstorable(given) or post(page, data)
    except Exception as error:
        if not trouble.is_storage_trouble(error):
            raise
        trouble.note(error)
        # Sent again under the same number: it may have been stored after all, where the database was lost at the end.
        g.refused_post = (data, {"_": trouble.words(shown=bool(trouble.typed()["texts"]))}, _seen(), 503, True)
        response = _shown_again()
        response.headers["Retry-After"] = trouble.RETRY_AFTER_SECONDS
        return response
    if result.outcome in {"accepted", "held"}:
        return _gone_to(page.done)
    status = {"conflict": 409, "busy": 503}.get(result.outcome, 422)
    # The door forgot whatever the request had read: the page is made anew, of what holds now.
    g.refused_post = (*_decided(data, result), status)
    return _shown_again()


def _shown_again() -> Response:
    return cast(Response, current_app.view_functions[str(request.endpoint)](**(request.view_args or {})))


def redrawn(page: FormPage) -> Response:
    """Draw the form with the posted values, without sending it."""
    return _draw(page, to_data(inputs.posted_fields()))


def _unstorable(given: Sequence[tuple[str, str]]) -> Result | None:
    """The refusal of texts that no envelope can hold, said at their fields."""
    words = gettext("This text holds characters that cannot be stored.")
    bad = {name.removesuffix("[]"): [words] for name, value in given if not inputs.storable(value)}
    return Result(None, "", "rejected", problems=bad, code="record.invalid") if bad else None


def _decided(data: dict[str, Any], result: Result) -> tuple[dict[str, Any], dict[str, list[str]], Base | None]:
    """What the form shows again: where two people met, what holds now, with one's own words at the disputed fields."""
    card = (result.current or {}).get("merge")
    if "decision" in (result.current or {}):
        # The page is made anew with what changed since; the next decision is about that.
        return data, result.problems, None
    if card is None:
        return data, result.problems, _seen()
    mine = {one["name"]: one["mine"] for one in card["disputed"]}
    return {**data, **card["data"], **mine}, result.problems, Base(card["ver"], card["fields"])


#: Returns the notes of the files that came with a form post, for a command and its op id. Raises Invalid.
TAKE_FILES: AppValue[Callable[[Command, str], list[AttachmentNote]]] = AppValue("take_files")


def post(page: FormPage, data: dict[str, Any]) -> Result:
    """One ordinary form post through the same ledger as everything else."""
    command = COMMANDS()[page.kind]
    kind, record = page.agg
    # Pages made before carry this number; none of them is shown again as unchanged.
    op = session["posted"] = inputs.posted("_op", most=36)
    issued = inputs.posted("_issued", most=inputs.MOST_INSTANT)
    if not record:
        record = str(data.get("id", ""))
    try:
        atts = TAKE_FILES()(command, op)
    except Invalid as error:
        return Result(op, "", "rejected", problems={k: [str(w) for w in v] for k, v in error.problems.items()})
    body = web_envelope(
        op=op if ids.is_uuid(op) else str(ids.uuid7()),
        user=actor().id,
        kind=page.kind,
        schema=_schema(command),
        agg=(kind, record),
        data=data,
        issued=issued or clock.iso(clock.now()),
        atts=atts,
        base=_seen(),
    )
    return execute([body], actor(), WEB)[0]


def _schema(command: Command) -> int:
    """The version of the page's fields: it may have been made before the server was updated (failure mode 58)."""
    return inputs.posted_number("_schema", high=9999) or command.version


def _draw(
    page: FormPage,
    data: Mapping[str, Any] | None = None,
    problems: Mapping[str, list[str]] | None = None,
    base: Base | None = None,
    status: int = 200,
    same: bool = False,
) -> Response:
    bound = bind(page, data, problems, base)
    op = inputs.posted_id("_op")
    if same and op:
        bound.op, bound.issued = op, inputs.posted("_issued", most=inputs.MOST_INSTANT) or bound.issued
    return render(page.template, form=bound, title=page.title, back=page.back, status=status, **page.context)


def _gone_to(done: str) -> Response:
    separator = "&" if "?" in done else "?"
    return redirect(f"{done}{separator}sent=1", 303)  # type: ignore[return-value]


def sent_notice() -> str | None:
    """What a page says after an ordinary form post was taken in."""
    return gettext("Received.") if inputs.sent() else None


__all__ = ["AttachmentNote", "BoundForm", "FormPage", "bind", "form_page", "post", "redrawn", "sent_notice"]
