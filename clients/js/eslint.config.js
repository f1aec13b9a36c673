import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import ts from "typescript-eslint";

export default defineConfig(
  { ignores: ["build/", "dist/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [ts.configs.strictTypeChecked, ts.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: "tsconfig.tests.json" } },
    rules: {
      // Numbers in texts of errors are read as they are.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // node:test waits for its tests by itself.
      "@typescript-eslint/no-floating-promises": "off",
    },
  },
  {
    files: ["scripts/*.js"],
    languageOptions: { globals: { console: true, process: true, URL: true } },
  },
);
