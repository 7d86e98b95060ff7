#!/usr/bin/env bash
# Node and what the project needs of npm. Sourced by the scripts in bin/; defines functions only.

# ensure_node: Node 20.19 or newer is there; where not, says in one line what to install and returns 1.
ensure_node() {
  local version major minor
  if command -v node >/dev/null 2>&1; then
    version="$(node --version 2>/dev/null)" || version=v0.0.0
    IFS=. read -r major minor _ <<<"${version#v}"
    if [ "$major" -gt 20 ] || { [ "$major" = 20 ] && [ "$minor" -ge 19 ]; }; then return 0; fi
    echo "troupe: please install Node 20.19 or newer; this is $version" >&2
    return 1
  fi
  echo "troupe: please install Node 20.19 or newer, with npm" >&2
  return 1
}

# needs_build <project>: succeeds when dist/ is missing, unfinished, or older than a source.
# An installed package has no sources to be older than.
needs_build() {
  local built="$1/dist/.built"
  [ -e "$built" ] || return 0
  [ -d "$1/src" ] || return 1
  [ -n "$(find "$1/src" "$1/test" "$1/bench" "$1/docs" "$1/tsconfig.json" -newer "$built" \( -name '*.ts' -o -name '*.tsx' -o -name '*.css' -o -name '*.html' -o -name tsconfig.json \) -print -quit 2>/dev/null)" ]
}

# build_console <project>: checks and bundles the operators' console into dist/console; quick when its sources,
# those of the charts it draws and its libraries are the ones it was made of.
build_console() {
  local made="$1/dist/console/.made"
  if [ -e "$made" ] && [ -z "$(find "$1/src/console" "$1/src/chart" "$1/package-lock.json" -newer "$made" -type f -print -quit)" ]; then
    return 0
  fi
  "$1/node_modules/.bin/tsc" -p "$1/src/console" &&
    "$1/node_modules/.bin/vite" build --config "$1/src/console/vite.config.ts" "$1/src/console" &&
    touch "$made"
}

# build <project>: compiles it, one process at a time; others wait, and find it done.
build() {
  (
    cd "$1"
    if command -v flock >/dev/null 2>&1; then flock 9; fi
    if needs_build "$1"; then npm run --silent build; fi
  ) 9>>"$1/node_modules/.build.lock"
}

# ensure_modules: node_modules is what the lock file says, and dist/ what the sources say.
# In the project's folder. Where it can't, says in one line what to do and returns 1.
ensure_modules() {
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    if ! command -v npm >/dev/null 2>&1; then
      echo "troupe: please install npm" >&2
      return 1
    fi
    echo "Installing the modules of package-lock.json"
    if ! npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null; then
      echo "troupe: \"npm ci\" failed; is there a way to the npm registry from here?" >&2
      return 1
    fi
  fi
  if needs_build "$PWD"; then
    echo "Building"
    build "$PWD"
  fi
}
