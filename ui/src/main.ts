// The window's beginning: fonts, tokens, preferences before the first paint, then the application.

import "@fontsource-variable/inter/wght.css";
import "@fontsource/jetbrains-mono/latin-400.css";
import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { preferences } from "./preferences.svelte";

await preferences.start();

const target = document.querySelector("#lifeboat");
if (target) mount(App, { target });
