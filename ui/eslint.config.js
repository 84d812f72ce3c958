import svelte from "eslint-plugin-svelte";
import globals from "globals";
import typescript from "typescript-eslint";

const tauri = {
  group: ["@tauri-apps/*"],
  message: "Only ui/src/ipc.ts knows the shell.",
};
const pages = {
  group: ["**/pages/*"],
  message: "Pages import components, never other pages; components know no page.",
};

export default typescript.config(
  { ignores: ["ui/dist/**", "ui/src/types/**"] },
  ...typescript.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "prefer-const": "off",
      "@typescript-eslint/no-explicit-any": "error",
      "no-restricted-imports": ["error", { patterns: [tauri] }],
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: typescript.parser, extraFileExtensions: [".svelte"] } },
    rules: {
      "svelte/no-at-html-tags": "error",
      "svelte/button-has-type": "error",
      "svelte/no-target-blank": "error",
      "svelte/require-each-key": "error",
      "svelte/prefer-const": "error",
    },
  },
  {
    files: ["ui/src/components/**", "ui/src/pages/**"],
    rules: { "no-restricted-imports": ["error", { patterns: [tauri, pages] }] },
  },
  { files: ["ui/src/ipc.ts", "ui/src/testing.ts"], rules: { "no-restricted-imports": "off" } },
);
