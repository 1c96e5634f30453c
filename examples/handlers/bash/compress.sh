#!/usr/bin/env bash
# Compresses a log, once a job: pond worker --exec-once examples/handlers/bash/compress.sh
# The payload is the path as it stands: pond enqueue log.compress --raw --data /var/log/app.log
# Exit codes: 0 done, 75 try again, any other never.
set -euo pipefail

IFS= read -r file || [[ -n "$file" ]] || exit 65
# A try before this one may have been cut off at any line; whatever it left is no harm.
if [[ ! -e "$file" ]]; then
    [[ -e "$file.gz" ]] && exit 0
    echo "there is no file $file" >&2
    exit 66
fi
if command -v fuser >/dev/null && fuser -s "$file"; then
    echo "$file is still written to" >&2
    exit 75
fi
trap 'rm -f "$file.gz.$$"' EXIT
# A full disk may have room later.
gzip -c "$file" >"$file.gz.$$" && gzip -t "$file.gz.$$" || exit 75
mv "$file.gz.$$" "$file.gz"
rm "$file"
stat -c '{"bytes": %s}' "$file.gz"
