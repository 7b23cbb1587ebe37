#!/usr/bin/env bash
# Builds dash_app/assets/editor.js from editor.js by the lock file. Needs Node.js; only who changes the editor runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
npm ci --silent
npx esbuild editor.js --bundle --minify --format=iife --target=es2021 --legal-comments=none \
  --banner:js='/* Built by infra/editor/build.sh from editor.js and CodeMirror 6 (codemirror.net), MIT, (c) Marijn Haverbeke and others. */' \
  --outfile=../../dash_app/assets/editor.js
