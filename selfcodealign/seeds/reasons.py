"""Why a package, a file or a function does not become a seed. The values are also the metric keys."""

from enum import StrEnum


class CollectReason(StrEnum):
    """Drop reasons of `collect_seeds`: packages and folders first, then files, then functions."""

    LICENCE_UNKNOWN = "licence_unknown"
    LICENCE_NOT_PERMITTED = "licence_not_permitted"
    NO_FILE_LIST = "no_file_list"
    BAD_ARCHIVE = "bad_archive"
    ARCHIVE_TOO_LARGE = "archive_too_large"

    TEST_FILE = "test_file"
    GENERATED = "generated"
    VENDORED = "vendored"
    SYMLINK = "symlink"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    FILE_TOO_LARGE = "file_too_large"
    LINE_TOO_LONG = "line_too_long"
    NUL_BYTE = "nul_byte"
    WRONG_ENCODING = "wrong_encoding"
    BAD_ROW = "bad_row"
    PARSER_CRASHED = "parser_crashed"

    METHOD = "method"
    CONDITIONAL = "conditional"
    FUNCTION_TOO_LARGE = "function_too_large"
    SYNTAX_ERROR = "syntax_error"
    NOT_SELF_CONTAINED = "not_self_contained"
    REPEATED = "repeated"
    BEYOND_MAX_FUNCTIONS = "beyond_max_functions"


class FilterReason(StrEnum):
    """Drop reasons of `filter_seeds`, in the order in which the filters run."""

    NO_DOCSTRING = "no_docstring"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NO_ARGUMENTS = "no_arguments"
    NO_RETURN_VALUE = "no_return_value"
    BAD_WORDS = "bad_words"
    SYSTEM_IMPORTS = "system_imports"
    TEST_CODE = "test_code"
    BENCHMARK_TEXT = "benchmark_text"
    TYPES = "types"
    DOES_NOT_RUN = "does_not_run"
    NEAR_DUPLICATES = "near_duplicates"
    JUDGE_NO = "judge_no"
    JUDGE_UNPARSED = "judge_unparsed"
    BEYOND_MAX_SEEDS = "beyond_max_seeds"
