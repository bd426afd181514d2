import { all } from "./dom.ts";

export type Vars = { [name: string]: string | number };

/** Replace `{name}` placeholders; unknown ones stay. */
export function fill(pattern: string, vars: Vars = {}): string {
  return pattern.replace(/\{([\w.-]+)\}/g, (whole, name: string) => (name in vars ? String(vars[name]) : whole));
}

const patterns = new Map<string, string>();

/** Return a text from `<template data-texts>`, or its key if it is missing. */
export function text(key: string, vars: Vars = {}): string {
  let pattern = patterns.get(key);
  if (pattern === undefined) {
    const templates = all<HTMLTemplateElement>(document, "template[data-texts]");
    const name = `[data-text="${CSS.escape(key)}"]`;
    pattern =
      templates.map((template) => template.content.querySelector(name)?.textContent?.trim()).find(Boolean) ?? key;
    patterns.set(key, pattern);
  }
  return fill(pattern, vars);
}

export function hasText(key: string): boolean {
  return text(key) !== key;
}

function language(): string {
  return document.documentElement.lang || "en";
}

/** Format a time; with the date if it is not today. */
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

export function formatSize(bytes: number): string {
  const [unit, divisor] = UNITS.find(([, least]) => bytes >= least) ?? UNITS[2];
  const maximumFractionDigits = divisor > 1e3 ? 1 : 0;
  return new Intl.NumberFormat(language(), { style: "unit", unit, maximumFractionDigits }).format(bytes / divisor);
}
