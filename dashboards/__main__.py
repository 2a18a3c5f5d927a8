"""`python -m dashboards` writes what `dashboards/generated/` and `dashboards/provisioning/alerting/` hold."""

from dashboards.generate import GENERATED, generate
from dashboards.provisioned import ALERTING, provisioned


def main() -> None:
    for folder, files in ((GENERATED, generate()), (ALERTING, provisioned())):
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
            print((folder / name).relative_to(GENERATED.parent.parent))


if __name__ == "__main__":
    main()
