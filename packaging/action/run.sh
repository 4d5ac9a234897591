#!/usr/bin/env bash
# Runs postseal with the action's inputs, which come as INPUT_… variables, and
# writes the step's outputs and summary. It also has to run under bash 3.2.
set -euo pipefail
set -f # an input that holds * is not a pattern

die() {
  printf '::error title=postseal::%s\n' "$1"
  exit 2
}

path() {
  if command -v cygpath >/dev/null; then cygpath -m "$1"; else printf '%s\n' "$1"; fi
}

# A line break in a path would begin a line of the file of outputs.
for name in INPUT_CONFIG INPUT_BASELINE INPUT_SARIF_FILE INPUT_HTML_PATH INPUT_FAIL_ON; do
  case "${!name:-}" in
    *$'\n'* | *$'\r'*) die "${name#INPUT_} must be one line" ;;
  esac
done

tmp=$(mktemp -d "$(path "${RUNNER_TEMP:-/tmp}")/postseal.XXXXXX")
sarif=${INPUT_SARIF_FILE:-$tmp/postseal.sarif}
html=${INPUT_HTML_PATH:-$tmp/report/}
mkdir -p "$(dirname "$sarif")" "$(dirname "$html")"

command=audit
targets=()
if [ -n "${INPUT_FILES:-}" ]; then
  [ -z "${INPUT_DOMAINS:-}" ] || die "give domains or files; --domain in args chooses domains of files"
  command=lint
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    [ -z "$line" ] || targets+=("$line")
  done <<<"$INPUT_FILES"
else
  # shellcheck disable=SC2207 # set -f is on: words are split and nothing more
  targets=($(printf '%s' "${INPUT_DOMAINS:-}" | tr ',\r\n\t' '    '))
fi

args=("$command" --format text
  -o "json=$tmp/postseal.json" -o "markdown=$tmp/postseal.md" -o "prometheus=$tmp/postseal.prom"
  -o "sarif=$sarif" -o "html=$html")
[ -z "${INPUT_CONFIG:-}" ] || args+=("--config=$INPUT_CONFIG")
[ -z "${INPUT_FAIL_ON:-}" ] || args+=("--fail-on=$INPUT_FAIL_ON")
[ -z "${INPUT_BASELINE:-}" ] || args+=("--baseline=$INPUT_BASELINE")
while IFS= read -r line || [ -n "$line" ]; do
  line=${line%$'\r'}
  [ -z "$line" ] || args+=("$line")
done <<<"${INPUT_ARGS:-}"

# What a stranger published is printed here, and the runner obeys lines that
# begin with ::, unless it is told to stop for the time being.
token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '::stop-commands::%s\n' "$token"
code=0
"$POSTSEAL_BIN" "${args[@]}" -- ${targets[@]+"${targets[@]}"} </dev/null || code=$?
printf '\n::%s::\n' "$token"

# Without a result there is nothing to hand on.
[ -s "$tmp/postseal.json" ] || exit "$code"

"$POSTSEAL_BIN" render "$tmp/postseal.json" --format github --fail-on none || true

# The lowest score with its grade, and how many findings there are. A line is
# name{domain="…",more="…"} number.
# shellcheck disable=SC2016 # the dollars are awk's
numbers=$(awk '
  function value(label,   s) {
    s = $0
    if (!sub(".*[{,]" label "=\"", "", s)) return ""
    sub("\".*", "", s)
    return s
  }
  /^postseal_score\{/ { if (lowest == "" || $NF + 0 < lowest + 0) { lowest = $NF; domain = value("domain") } }
  /^postseal_grade_info\{/ { grade[value("domain")] = value("grade") }
  /^postseal_findings\{/ && value("severity") != "info" { n += $NF }
  END { printf "score=%s\ngrade=%s\nfindings=%d\n", lowest, lowest == "" ? "" : grade[domain], n }
' "$tmp/postseal.prom")
{
  printf '%s\n' "$numbers"
  printf 'json=%s\nmarkdown=%s\nsarif=%s\nhtml=%s\n' "$tmp/postseal.json" "$tmp/postseal.md" "$sarif" "$html"
} >>"$GITHUB_OUTPUT"

if [ "${INPUT_SUMMARY:-true}" = true ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  cat "$tmp/postseal.md" >>"$GITHUB_STEP_SUMMARY"
fi
exit "$code"
