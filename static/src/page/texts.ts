import { all } from "./dom.ts";

export type Vars = { [name: string]: string | number };

/** Puts `{name}` placeholders in; an unknown one stays readable instead of vanishing. */
export function fill(pattern: string, vars: Vars = {}): string {
  return pattern.replace(/\{([\w.-]+)\}/g, (whole, name: string) => (name in vars ? String(vars[name]) : whole));
}

const found = new Map<string, string>();

/** A sentence of the server's `<template data-texts>`; a missing one returns its key, so that it is noticed. */
export function text(key: string, vars: Vars = {}): string {
  let pattern = found.get(key);
  if (pattern === undefined) {
    const templates = all<HTMLTemplateElement>(document, "template[data-texts]");
    const name = `[data-text="${CSS.escape(key)}"]`;
    pattern = templates.map((one) => one.content.querySelector(name)?.textContent?.trim()).find(Boolean) ?? key;
    found.set(key, pattern);
  }
  return fill(pattern, vars);
}

export function has(key: string): boolean {
  return text(key) !== key;
}

function language(): string {
  return document.documentElement.lang || "en";
}

/** Today: the time alone. Any other day: with its date. */
export function shortTime(at: number): string {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(
    language(),
    today
      ? { hour: "2-digit", minute: "2-digit" }
      : { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" },
  ).format(date);
}

const UNITS = [
  ["gigabyte", 1e9],
  ["megabyte", 1e6],
  ["kilobyte", 1e3],
] as const;

export function size(bytes: number): string {
  const [unit, one] = UNITS.find(([, least]) => bytes >= least) ?? UNITS[2];
  const maximumFractionDigits = one > 1e3 ? 1 : 0;
  return new Intl.NumberFormat(language(), { style: "unit", unit, maximumFractionDigits }).format(bytes / one);
}
