// The wall's beginning. Its page knows nothing of the window's, and Rust lets it ask for nothing that acts.

import "@fontsource-variable/inter/wght.css";
import "@fontsource/jetbrains-mono/latin-400.css";
import "./app.css";
import { mount } from "svelte";
import Kiosk from "./pages/Kiosk.svelte";

const target = document.querySelector("#lifeboat");
if (target) mount(Kiosk, { target });
