import SignaturePad, { type PointGroup } from "signature_pad";
import { one } from "./dom.ts";
import { markChanged, RESTORED, saveNow, stateOf } from "./draft.ts";
import { BOX, decode, encode, type Stroke } from "./strokes.ts";
import { clearBlockProblem } from "./validate.ts";

const clamp = (value: number, most: number) => Math.min(most, Math.max(0, Math.round(value)));

/** Set up a signature block. The hidden input has the value; the canvas only displays it. */
export function attachSignature(block: HTMLElement, form: HTMLFormElement): void {
  let drawing = false;
  const canvas = one<HTMLCanvasElement>(block, "canvas");
  const input = one<HTMLInputElement>(block, "input[type=hidden]");
  if (!canvas || !input) return;
  const [surface, value] = [canvas, input];
  surface.style.aspectRatio = `${BOX.width} / ${BOX.height}`;
  const pad = new SignaturePad(surface, { penColor: getComputedStyle(surface).color, minWidth: 1, maxWidth: 3 });

  function strokes(): Stroke[] {
    const { clientWidth, clientHeight } = surface;
    return pad
      .toData()
      .map((group) =>
        group.points.flatMap(({ x, y }) => [
          clamp((x / clientWidth) * BOX.width, BOX.width),
          clamp((y / clientHeight) * BOX.height, BOX.height),
        ]),
      );
  }

  function draw(): void {
    const { clientWidth, clientHeight } = surface;
    if (clientWidth === 0) return; // hidden; the ResizeObserver calls again
    const ratio = Math.max(1, window.devicePixelRatio);
    surface.width = clientWidth * ratio;
    surface.height = clientHeight * ratio;
    surface.getContext("2d")?.scale(ratio, ratio);
    pad.penColor = getComputedStyle(surface).color;
    pad.clear();
    pad.fromData(decode(value.value).map((stroke) => group(stroke, clientWidth, clientHeight)));
  }

  function group(stroke: Stroke, width: number, height: number): PointGroup {
    const points: PointGroup["points"] = [];
    for (let i = 0; i + 1 < stroke.length; i += 2) {
      points.push({
        x: ((stroke[i] ?? 0) / BOX.width) * width,
        y: ((stroke[i + 1] ?? 0) / BOX.height) * height,
        pressure: 0.5,
        time: i * 8,
      });
    }
    const { penColor, dotSize, minWidth, maxWidth, velocityFilterWeight, compositeOperation } = pad;
    return { penColor, dotSize, minWidth, maxWidth, velocityFilterWeight, compositeOperation, points };
  }

  function saveSignature(): void {
    drawing = false;
    value.value = encode(strokes());
    if (value.value) clearBlockProblem(block);
    const state = stateOf(form);
    if (!state) {
      // Signed before the draft was loaded: the draft must not overwrite it.
      value.dataset.early = "";
      return;
    }
    markChanged(state);
    void saveNow(state);
  }

  pad.addEventListener("beginStroke", () => {
    drawing = true;
  });
  pad.addEventListener("endStroke", saveSignature);
  one(block, "[data-signature-clear]")?.addEventListener("click", () => {
    pad.clear();
    saveSignature();
  });
  form.addEventListener(RESTORED, () => {
    if (!drawing) draw();
  });
  new ResizeObserver(draw).observe(surface);
  draw();
}
