"""Cards as huggingface_hub makes, sends and reads them."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Run


@pytest.mark.client("ModelCard.from_template", "ModelCard.push_to_hub", "ModelCard.load", "EvalResult")
def test_a_model_card_with_results_makes_the_round_trip(run: Run) -> None:
    run("""
        from huggingface_hub import EvalResult, HfApi, ModelCard, ModelCardData
        api = HfApi(); api.create_repo("ann/carded")
        measured = [
            EvalResult(task_type="text-classification", dataset_type="ann/tickets", dataset_name="Tickets",
                       dataset_split="test", metric_type=metric, metric_value=value)
            for metric, value in (("accuracy", 0.931), ("f1", 0.918))]
        data = ModelCardData(
            language=["en", "de"], license="apache-2.0", library_name="transformers", tags=["support"],
            datasets=["ann/tickets"], metrics=["accuracy", "f1"], base_model="ann/base", model_name="carded",
            pipeline_tag="text-classification", eval_results=measured)
        card = ModelCard.from_template(data, model_description="Sorts tickets.", model_id="carded")
        card.push_to_hub("ann/carded", commit_message="A card")
        again = ModelCard.load("ann/carded")
        assert again.data.to_dict() == card.data.to_dict()
        assert again.data.eval_results == measured
        assert "Sorts tickets." in again.text
        info = api.model_info("ann/carded")
        assert info.card_data.eval_results == measured, info.card_data
        assert (info.pipeline_tag, info.library_name) == ("text-classification", "transformers")
        assert {"license:apache-2.0", "en", "dataset:ann/tickets", "base_model:finetune:ann/base"} <= set(info.tags)
        assert info.model_index[0]["results"][0]["metrics"], info.model_index
        listed = list(api.list_models(filter=["dataset:ann/tickets", "license:apache-2.0"], cardData=True))
        assert [model.id for model in listed] == ["ann/carded"]
        assert listed[0].card_data.license == "apache-2.0"
    """)


@pytest.mark.client("DatasetCard.push_to_hub", "DatasetCard.load", "SpaceCard.load", "SpaceCard.push_to_hub")
def test_cards_of_datasets_and_spaces(run: Run) -> None:
    run("""
        from huggingface_hub import DatasetCard, DatasetCardData, HfApi, SpaceCard
        api = HfApi()
        api.create_repo("ann/rows", repo_type="dataset")
        data = DatasetCardData(language="en", license="cc-by-4.0", pretty_name="Rows", size_categories="n<1K",
                               task_categories=["text-classification"], configs=[{"config_name": "default",
                               "data_files": "x.csv"}])
        DatasetCard.from_template(data, dataset_summary="Few.").push_to_hub("ann/rows")
        assert DatasetCard.load("ann/rows").data.pretty_name == "Rows"
        info = api.dataset_info("ann/rows")
        assert {"language:en", "license:cc-by-4.0", "size_categories:n<1K"} <= set(info.tags), info.tags
        api.create_repo("ann/shown", repo_type="space", space_sdk="gradio")
        SpaceCard("---\\ntitle: Shown\\nsdk: gradio\\nmodels: [ann/carded]\\n---\\n").push_to_hub("ann/shown")
        assert SpaceCard.load("ann/shown").data.models == ["ann/carded"]
        assert "ann/shown" in [space.id for space in api.list_spaces(models="ann/carded")]
        api.create_branch("ann/shown", branch="next", repo_type="space")
        card = SpaceCard.load("ann/shown")
        card.data.title = "Next"
        card.push_to_hub("ann/shown", revision="next")
        assert SpaceCard.load("ann/shown").data.title == "Shown"
    """)


@pytest.mark.client("metadata_update", "metadata_save", "metadata_load", "RepoCard.validate")
def test_metadata_is_changed_in_place(run: Run) -> None:
    said = run("""
        from huggingface_hub import HfApi, ModelCard, RepoCard, metadata_load, metadata_save, metadata_update
        api = HfApi(); api.create_repo("ann/meta")
        metadata_save("README.md", {"license": "mit", "tags": ["a"]})
        assert metadata_load("README.md") == {"license": "mit", "tags": ["a"]}
        api.upload_file(path_or_fileobj="README.md", path_in_repo="README.md", repo_id="ann/meta")
        metadata_update("ann/meta", {"tags": ["a", "b"], "pipeline_tag": "fill-mask"}, overwrite=True)
        result = [{"name": "meta", "results": [{"task": {"type": "fill-mask"}, "dataset": {"type": "x", "name": "X"},
                   "metrics": [{"type": "accuracy", "value": 0.5}]}]}]
        metadata_update("ann/meta", {"model-index": result})
        result[0]["results"][0]["metrics"][0]["value"] = 0.7
        try: metadata_update("ann/meta", {"model-index": result})
        except ValueError as error: assert "overwrite" in str(error)
        metadata_update("ann/meta", {"model-index": result}, overwrite=True)
        card = ModelCard.load("ann/meta")
        assert (card.data.license, card.data.tags, card.data.pipeline_tag) == ("mit", ["a", "b"], "fill-mask")
        assert card.data.eval_results[0].metric_value == 0.7
        RepoCard("---\\nlicense: mit\\n---\\n").validate()
        for bad in ("license: asdf", "tags: one", "base_model_relation: child", "model-index: [{name: x}]"):
            try: RepoCard(f"---\\n{bad}\\n---\\n", ignore_metadata_errors=True).validate(repo_type="model")
            except ValueError as error: print(error)
            else: raise SystemExit(f"{bad} was fine")
    """)
    assert said.count("- Error: ") == 4
    assert '- Error: "license" must be one of' in said
    assert '- Error: "base_model_relation" must be one of [finetune, adapter, merge, quantized]' in said


def test_a_repo_without_a_card_says_so(run: Run) -> None:
    run("""
        from huggingface_hub import HfApi, ModelCard
        from huggingface_hub.errors import EntryNotFoundError
        HfApi().create_repo("ann/cardless")
        try: ModelCard.load("ann/cardless")
        except EntryNotFoundError: pass
        else: raise SystemExit("a card from nowhere")
    """)


@pytest.mark.client("EvalResultEntry", "HfApi.model_info")
def test_results_in_files_are_told_to_the_client(run: Run) -> None:
    run("""
        from huggingface_hub import CommitOperationAdd, EvalResultEntry, HfApi
        api = HfApi(); api.create_repo("ann/measured")
        good = b"- dataset: {id: ann/exam, task_id: hard}\\n  value: 0.412\\n  notes: no-tools\\n"
        files = {"good.yaml": good, "half.yaml": b"- value: 1\\n", "broken.yaml": b"[", "x.txt": b"no"}
        api.create_commit("ann/measured", [CommitOperationAdd(f".eval_results/{name}", content)
                          for name, content in files.items()], commit_message="Measured")
        found = api.model_info("ann/measured", expand=["evalResults"]).eval_results
        assert found == [EvalResultEntry(dataset_id="ann/exam", task_id="hard", value=0.412, notes="no-tools")], found
    """)
