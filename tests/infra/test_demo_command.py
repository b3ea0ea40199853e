"""What `sortline demo` leaves in Airflow's Variables."""

from __future__ import annotations

from contextlib import suppress

import pytest

from infra.commands.demo import dataset_of_settings, recipe_of_settings


class Variables(dict[str, str]):
    """Those of an Airflow."""

    def variable(self, key: str) -> str | None:
        return self.get(key)

    def set_variable(self, key: str, value: str | None) -> None:
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value


BEFORE = [{}, {"sortline_recipe": "b0_finetune", "sortline_dataset": "waste"}]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("ending", [None, ValueError, KeyboardInterrupt])
def test_the_recipe_is_that_of_the_demo_for_as_long_as_it_lasts(before, ending):
    variables = Variables(before)
    with suppress(ValueError, KeyboardInterrupt), recipe_of_settings(variables, "lite0_probe"):
        assert variables["sortline_recipe"] == "lite0_probe"
        if ending:
            raise ending
    assert variables == before


@pytest.mark.parametrize("before", BEFORE)
def test_the_data_set_stays_where_it_was_ingested(before):
    variables = Variables(before)
    with dataset_of_settings(variables, "sample"):
        pass
    assert variables == before | {"sortline_dataset": "sample"}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt])
def test_the_data_set_goes_back_where_the_ingest_fails(before, ending):
    variables = Variables(before)
    with suppress(ValueError, KeyboardInterrupt), dataset_of_settings(variables, "sample"):
        raise ending
    assert variables == before
