"""`python -m dashboards` writes the dashboards that `dashboards/generated/` holds."""

from dashboards.generate import GENERATED, generate


def main() -> None:
    for name, text in generate().items():
        (GENERATED / name).write_text(text, "utf-8")
        print(f"dashboards/generated/{name}")


if __name__ == "__main__":
    main()
