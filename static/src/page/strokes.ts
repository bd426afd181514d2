/** Size of the coordinate system of signatures; coordinates are integers. */
export const BOX = { width: 600, height: 200 } as const;
const MOST = 19_500;

export type Stroke = number[]; // x, y, x, y, …

/** Remove points closer than `near` to the one before, but not the last. */
function thin(stroke: Stroke, near: number): Stroke {
  const points: Stroke = [];
  for (let i = 0; i + 1 < stroke.length; i += 2) {
    const x = stroke[i] ?? 0;
    const y = stroke[i + 1] ?? 0;
    const last = i + 2 >= stroke.length;
    const dx = x - (points.at(-2) ?? Number.POSITIVE_INFINITY);
    const dy = y - (points.at(-1) ?? Number.POSITIVE_INFINITY);
    if (points.length === 0 || last || dx * dx + dy * dy >= near * near) points.push(x, y);
  }
  return points;
}

/** Remove every other point, but not the ends. */
function halve(stroke: Stroke): Stroke {
  return stroke.filter((_, i) => (i >> 1) % 2 === 0 || i >= stroke.length - 2);
}

/** Encode as JSON under 20 kB; very long strokes become coarser. */
export function encode(strokes: Stroke[]): string {
  if (strokes.length === 0) return "";
  let points = strokes.map((stroke) => thin(stroke, 2));
  let json = JSON.stringify(points);
  while (json.length > MOST) {
    const fine = points.some((stroke) => stroke.length > 4);
    points = fine ? points.map(halve) : points.slice(0, Math.ceil(points.length / 2));
    json = JSON.stringify(points);
  }
  return json;
}

/** Decode JSON; anything that is no stroke is ignored. */
export function decode(json: string): Stroke[] {
  try {
    const strokes: unknown = JSON.parse(json || "[]");
    const isStroke = (stroke: unknown): stroke is Stroke =>
      Array.isArray(stroke) && stroke.length % 2 === 0 && stroke.every((value) => Number.isFinite(value));
    return Array.isArray(strokes) ? strokes.filter(isStroke) : [];
  } catch {
    return [];
  }
}
