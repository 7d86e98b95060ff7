#!/usr/bin/env bash
# Node and what the project needs of npm. Sourced by the scripts in bin/; defines functions only.

# ensure_node: Node 20.19 or newer is there; where not, says in one line what to install and returns 1.
ensure_node() {
  if command -v node >/dev/null 2>&1 && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then
    return 0
  fi
  echo "troupe: please install Node 20.19 or newer, with npm" >&2
  return 1
}

# ensure_modules: node_modules is what the lock file says, and dist/ what the sources say.
ensure_modules() {
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "Installing the modules of package-lock.json"
    npm ci --no-audit --no-fund --loglevel=error >/dev/null
  fi
  if [ ! -e dist/src/main/cli.js ] || [ -n "$(find src test bench tsconfig.json -newer dist/src/main/cli.js -print -quit)" ]; then
    echo "Building"
    npm run --silent build
  fi
}
