"""Templates are read off the tokenizer."""

import pytest
from tokenizers import Tokenizer, processors
from tokenizers.models import WordLevel

from encore.encoders import Encoder
from encore.encoders.text.template import Template, pair_separates
from encore.featurestore.errors import UsageError


def tokenizer_with(single: str, pair: str) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({"a": 0, "[X]": 1, "[Y]": 2}, unk_token="a"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[("[X]", 1), ("[Y]", 2)]
    )
    return tokenizer


def test_bert_puts_one_separator_between_two_texts(bert: Encoder) -> None:
    cls, sep = (bert.tokenizer.token_to_id(piece) for piece in ("[CLS]", "[SEP]"))
    pair = Template.of(bert.tokenizer, 2)
    assert [gap.tolist() for gap in pair.special] == [[cls], [sep], [sep]]
    assert [gap.tolist() for gap in pair.special_types] == [[0], [0], [1]]
    assert pair.text_types == (0, 1)
    assert pair.added == 3


def test_roberta_puts_two(roberta: Encoder) -> None:
    pair = Template.of(roberta.tokenizer, 2)
    assert [gap.tolist() for gap in pair.special] == [[0], [2, 2], [2]]
    assert pair.text_types == (0, 0)


def test_special_tokens_may_come_last_as_in_xlnet() -> None:
    single = Template.of(tokenizer_with("$A:0 [X]:0 [Y]:2", "$A:0 [X]:0 $B:1 [X]:1 [Y]:2"), 1)
    assert [gap.tolist() for gap in single.special] == [[], [1, 2]]
    assert [gap.tolist() for gap in single.special_types] == [[], [0, 2]]


def test_a_pair_without_a_separator_is_no_pair_template() -> None:
    plain = tokenizer_with("[X] $A", "[X] $A $B:1")
    assert not pair_separates(Template.of(plain, 1), Template.of(plain, 2))
    marked = tokenizer_with("[X] $A", "[X] $A [Y] $B:1")
    assert pair_separates(Template.of(marked, 1), Template.of(marked, 2))


def test_texts_in_another_order_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot follow"):
        Template.of(tokenizer_with("$A", "$B [X] $A"), 2)
