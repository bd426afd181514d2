import "./page/start.ts";
