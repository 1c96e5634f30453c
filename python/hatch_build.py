"""Puts the program `pond`, its manual pages and completions into the wheel; scripts/package names them."""
import os
import re
import sysconfig

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProgramHook(BuildHookInterface):
    def initialize(self, version, build_data):
        if version == "editable":  # for work on the sources: `pond` comes from the build folder then
            return
        program, share = os.environ.get("MILLPOND_PROGRAM"), os.environ.get("MILLPOND_SHARE")
        if not (program and share):
            raise SystemExit("this wheel holds a program that must be built first; run: scripts/package --wheel")
        build_data["pure_python"] = False
        # auditwheel makes this the name of a glibc, where the program is one that can be given to others.
        build_data["tag"] = "py3-none-" + re.sub(r"[-.]", "_", sysconfig.get_platform())
        build_data["shared_scripts"][program] = "pond"
        build_data["shared_data"][share] = "share"
